/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading, mapping and copying; output that appears whole or not at all: no overwriting unasked,
 * not even in a race, nothing left behind by a full disk or a killed writer.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run_tests.h"
#include "unit/base/scratch.h"

static void assert_content(const char *path, const char *expected)
{
    lb_buffer text = {0};
    assert_int_equal(lb_file_read(&text, path, 1 << 20, NULL), LOBASS_OK);
    assert_string_equal(text.data, expected);
    lb_buffer_free(&text);
}

static void test_paths(void **state)
{
    (void)state;
    char *joined = lb_path_join("a", "b", NULL);
    assert_string_equal(joined, "a/b");
    free(joined);
    joined = lb_path_join("a/", "b", NULL);
    assert_string_equal(joined, "a/b");
    free(joined);
    joined = lb_path_join("", "b", NULL);
    assert_string_equal(joined, "b");
    free(joined);
    assert_string_equal(lb_path_name("x/y.json"), "y.json");
    assert_string_equal(lb_path_name("y.json"), "y.json");
    assert_int_equal(lb_path_look(scratch_folder), LB_PATH_FOLDER);
    assert_int_equal(lb_path_look(scratch_path("nothing")), LB_PATH_MISSING);
}

static void test_read_and_map(void **state)
{
    (void)state;
    lobass_error error = {0};
    const char *path = scratch_path("read");
    assert_int_equal(lb_file_write(path, "hello", 5, false, &error), LOBASS_OK);
    assert_int_equal(lb_path_look(path), LB_PATH_FILE);
    lb_buffer text = {0};
    assert_int_equal(lb_file_read(&text, path, 5, &error), LOBASS_OK);
    assert_int_equal(lb_file_read(&text, path, 5, &error), LOBASS_OK);
    assert_string_equal(text.data, "hellohello");
    assert_int_equal(lb_file_read(&text, path, 4, &error), LOBASS_BAD_FORMAT);
    assert_non_null(strstr(error.message, path));
    assert_non_null(strstr(error.message, "more than 4 bytes"));
    lb_buffer_free(&text);
    lb_mapping mapping;
    assert_int_equal(lb_mapping_open(&mapping, path, &error), LOBASS_OK);
    assert_int_equal(mapping.size, 5);
    assert_memory_equal(mapping.data, "hello", 5);
    lb_mapping_close(&mapping);
    assert_null(mapping.data);
    lb_mapping_close(&mapping);
    assert_int_equal(lb_file_write(scratch_path("empty"), NULL, 0, false, &error), LOBASS_OK);
    assert_int_equal(lb_mapping_open(&mapping, scratch_path("empty"), &error), LOBASS_OK);
    assert_null(mapping.data);
    assert_int_equal(mapping.size, 0);
    lb_mapping_close(&mapping);
}

static void test_what_cannot_be_read(void **state)
{
    (void)state;
    lobass_error error = {0};
    lb_mapping mapping;
    lb_buffer text = {0};
    const char *path = scratch_path("nothing");
    assert_int_equal(lb_mapping_open(&mapping, path, &error), LOBASS_NOT_FOUND);
    assert_non_null(strstr(error.message, "nothing: cannot open: No such file"));
    assert_int_equal(lb_file_read(&text, path, 10, &error), LOBASS_NOT_FOUND);
    assert_int_equal(lb_mapping_open(&mapping, scratch_folder, &error), LOBASS_IO);
    assert_non_null(strstr(error.message, "found a folder"));
    assert_int_equal(lb_file_read(&text, scratch_folder, 10, &error), LOBASS_IO);
    lb_buffer_free(&text);
}

static void test_output_appears_at_commit(void **state)
{
    (void)state;
    lobass_error error = {0};
    const char *path = scratch_path("output");
    const size_t before = scratch_count(scratch_folder);
    lb_output *output = NULL;
    assert_int_equal(lb_output_open(&output, path, false, &error), LOBASS_OK);
    static char block[3 << 20];
    memset(block, 'x', sizeof block);
    assert_int_equal(lb_output_write(output, "ab", 2, &error), LOBASS_OK);
    assert_int_equal(lb_output_write(output, block, sizeof block, &error), LOBASS_OK);
    assert_int_equal(lb_output_write(output, "yz", 2, &error), LOBASS_OK);
    assert_int_equal(lb_path_look(path), LB_PATH_MISSING);
    assert_int_equal(lb_output_commit(output, &error), LOBASS_OK);
    assert_int_equal(scratch_count(scratch_folder), before + 1);
    lb_buffer text = {0};
    assert_int_equal(lb_file_read(&text, path, sizeof block + 4, &error), LOBASS_OK);
    assert_int_equal(text.size, sizeof block + 4);
    assert_memory_equal(text.data, "abx", 3);
    assert_memory_equal(text.data + text.size - 3, "xyz", 3);
    assert_memory_equal(text.data + 2, block, sizeof block);
    lb_buffer_free(&text);

    assert_int_equal(lb_output_open(&output, path, true, &error), LOBASS_OK);
    assert_int_equal(lb_output_write(output, "never", 5, &error), LOBASS_OK);
    lb_output_discard(output);
    lb_output_discard(NULL);
    assert_int_equal(scratch_count(scratch_folder), before + 1);
    struct stat about;
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_size, sizeof block + 4);
}

static void test_nothing_is_overwritten_unasked(void **state)
{
    (void)state;
    lobass_error error = {0};
    const char *path = scratch_path("kept");
    assert_int_equal(lb_file_write(path, "old", 3, false, &error), LOBASS_OK);
    assert_int_equal(lb_file_write(path, "new", 3, false, &error), LOBASS_CONFLICT);
    assert_non_null(strstr(error.message, "kept: exists already"));
    assert_content(path, "old");
    assert_int_equal(lb_file_write(path, "new", 3, true, &error), LOBASS_OK);
    assert_content(path, "new");
    assert_int_equal(lb_file_write(scratch_folder, "new", 3, true, &error), LOBASS_CONFLICT);
    assert_int_equal(mkfifo(scratch_path("pipe"), 0666), 0);
    assert_int_equal(lb_path_look(scratch_path("pipe")), LB_PATH_OTHER);
    assert_int_equal(lb_file_write(scratch_path("pipe"), "new", 3, true, &error), LOBASS_CONFLICT);
    assert_non_null(strstr(error.message, "pipe: found a device or pipe, expected a file"));
    /* Reading neither waits for a writer nor takes what a second reading would not find. */
    int descriptor = 0;
    lb_mapping mapping;
    lb_buffer bytes = {0};
    (void)alarm(5);
    error.message[0] = '\0';
    assert_int_equal(lb_file_open(&descriptor, scratch_path("pipe"), &error), LOBASS_IO);
    assert_non_null(strstr(error.message, "pipe: found a device or pipe, expected a file"));
    assert_int_equal(lb_file_read(&bytes, scratch_path("pipe"), 9, &error), LOBASS_IO);
    assert_int_equal(lb_mapping_open(&mapping, scratch_path("pipe"), &error), LOBASS_IO);
    (void)alarm(0);
    assert_int_equal(lb_file_write(scratch_path("no/folder"), "", 0, true, &error),
                     LOBASS_NOT_FOUND);
    assert_int_equal(lb_file_write(scratch_path(""), "", 0, true, &error), LOBASS_CONFLICT);
    assert_int_equal(lb_file_write("", "", 0, true, &error), LOBASS_BAD_ARGUMENT);
    /* Somebody else makes the file between our open and our commit. */
    const char *raced = scratch_path("raced");
    const size_t before = scratch_count(scratch_folder);
    lb_output *first = NULL;
    lb_output *second = NULL;
    assert_int_equal(lb_output_open(&first, raced, false, &error), LOBASS_OK);
    assert_int_equal(lb_output_open(&second, raced, false, &error), LOBASS_OK);
    assert_int_equal(lb_output_write(first, "1", 1, &error), LOBASS_OK);
    assert_int_equal(lb_output_write(second, "2", 1, &error), LOBASS_OK);
    assert_int_equal(lb_output_commit(second, &error), LOBASS_OK);
    assert_int_equal(lb_output_commit(first, &error), LOBASS_CONFLICT);
    assert_content(raced, "2");
    assert_int_equal(scratch_count(scratch_folder), before + 1);
}

static void test_only_its_own_is_replaced(void **state)
{
    lobass_error error = {0};
    const char *path = scratch_path("own");
    static const char *const contents[] = {"{\"a\": 1", "{\"a\":", "{\"b\": 1", "{", ""};
    static const bool is_own[] = {true, false, false, false, true};
    (void)state;
    assert_int_equal(lb_output_check(path, false, "{\"a\": ", "thing", &error), LOBASS_OK);
    for (size_t i = 0; i < sizeof is_own / sizeof *is_own; i++)
    {
        assert_int_equal(lb_file_write(path, contents[i], strlen(contents[i]), true, &error),
                         LOBASS_OK);
        assert_int_equal(lb_output_check(path, true, "{\"a\": ", "thing", &error),
                         is_own[i] ? LOBASS_OK : LOBASS_CONFLICT);
        assert_int_equal(lb_output_check(path, false, "{\"a\": ", "thing", NULL), LOBASS_CONFLICT);
    }
    assert_non_null(strstr(error.message, "own: is no thing and is not replaced"));
    assert_int_equal(lb_output_check(scratch_folder, true, "", "thing", NULL), LOBASS_CONFLICT);
}

static void test_link_and_long_name(void **state)
{
    (void)state;
    lobass_error error = {0};
    assert_int_equal(lb_file_write(scratch_path("behind"), "old", 3, false, &error), LOBASS_OK);
    assert_int_equal(symlink("behind", scratch_path("link")), 0);
    assert_int_equal(lb_file_write(scratch_path("link"), "new", 3, true, &error), LOBASS_OK);
    assert_content(scratch_path("behind"), "new");
    struct stat about;
    assert_int_equal(lstat(scratch_path("link"), &about), 0);
    assert_true(S_ISLNK(about.st_mode));
    char name[256] = {0};
    memset(name, 'n', sizeof name - 1);
    assert_int_equal(lb_file_write(scratch_path(name), "long", 4, false, &error), LOBASS_OK);
    assert_content(scratch_path(name), "long");
}

static void test_copy(void **state)
{
    (void)state;
    lobass_error error = {0};
    assert_int_equal(lb_file_write(scratch_path("from"), "text", 4, false, &error), LOBASS_OK);
    assert_int_equal(lb_file_copy(scratch_path("from"), scratch_path("to"), &error), LOBASS_OK);
    assert_content(scratch_path("to"), "text");
    assert_int_equal(lb_file_copy(scratch_path("from"), scratch_path("to"), &error), LOBASS_OK);
    assert_int_equal(lb_file_copy(scratch_path("nothing"), scratch_path("to"), &error),
                     LOBASS_NOT_FOUND);
    assert_content(scratch_path("to"), "text");
}

/* A killed writer leaves its unfinished file; the next one removes it, and no other's. */
static void test_abandoned_files_are_removed(void **state)
{
    (void)state;
    lobass_error error = {0};
    const char *path = scratch_path("model");
    const size_t before = scratch_count(scratch_folder);
    const pid_t child = fork();
    if (child == 0)
    {
        lb_output *output = NULL;
        (void)lb_output_open(&output, path, false, NULL);
        (void)lb_output_open(&output, scratch_path("model.json"), false, NULL);
        (void)raise(SIGKILL);
    }
    assert_true(child > 0);
    int ended = 0;
    assert_int_equal(waitpid(child, &ended, 0), child);
    assert_true(WIFSIGNALED(ended));
    assert_int_equal(scratch_count(scratch_folder), before + 2);
    lb_output *live = NULL;
    assert_int_equal(lb_output_open(&live, path, false, &error), LOBASS_OK);
    assert_int_equal(scratch_count(scratch_folder), before + 2);
    lb_output *other = NULL;
    assert_int_equal(lb_output_open(&other, scratch_path("model.json"), false, &error), LOBASS_OK);
    assert_int_equal(scratch_count(scratch_folder), before + 2);
    assert_int_equal(lb_file_write(path, "x", 1, false, &error), LOBASS_OK);
    assert_int_equal(scratch_count(scratch_folder), before + 3);
    lb_output_discard(live);
    assert_int_equal(lb_output_commit(other, &error), LOBASS_OK);
    assert_int_equal(scratch_count(scratch_folder), before + 2);
}

#define CHILD_CANNOT 77

/* In a child: writes 1 MiB to FOLDER/full, which has no room; 0 when that fails as it should. */
static int write_too_much(const char *folder)
{
    static char block[1 << 20];
    char path[SCRATCH_PATH_SIZE + 16];
    (void)snprintf(path, sizeof path, "%s/full", folder);
    const size_t before = scratch_count(folder);
    lobass_error error = {0};
    const lobass_status status = lb_file_write(path, block, sizeof block, false, &error);
    const bool is_right = status == LOBASS_IO && strncmp(error.message, path, strlen(path)) == 0 &&
                          strstr(error.message, "cannot write") != NULL;
    return is_right && scratch_count(folder) == before ? 0 : 1;
}

static int write_beyond_limit(void)
{
    const struct rlimit limit = {.rlim_cur = 65536, .rlim_max = 65536};
    if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR || setrlimit(RLIMIT_FSIZE, &limit) != 0)
    {
        return CHILD_CANNOT;
    }
    return write_too_much(scratch_folder);
}

static int write_to_full_disk(void)
{
    const char *disk = scratch_path("disk");
    if (mkdir(disk, 0777) != 0 || unshare(CLONE_NEWNS) != 0 ||
        mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", disk, "tmpfs", 0, "size=128k") != 0)
    {
        return CHILD_CANNOT;
    }
    return write_too_much(disk);
}

static int run_in_child(int (*function)(void))
{
    const pid_t child = fork();
    if (child == 0)
    {
        _exit(function());
    }
    int ended = 0;
    assert_int_equal(waitpid(child, &ended, 0), child);
    assert_true(WIFEXITED(ended));
    return WEXITSTATUS(ended);
}

static void test_refused_write_leaves_nothing(void **state)
{
    (void)state;
    assert_int_equal(run_in_child(write_beyond_limit), 0);
}

static void test_full_disk_leaves_nothing(void **state)
{
    (void)state;
    const int result = run_in_child(write_to_full_disk);
    if (result == CHILD_CANNOT)
    {
        skip_because("no right to mount a small file system here");
    }
    assert_int_equal(result, 0);
}

int main(int n_arguments, char **arguments)
{
    (void)n_arguments;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_read_and_map),
        cmocka_unit_test(test_what_cannot_be_read),
        cmocka_unit_test(test_output_appears_at_commit),
        cmocka_unit_test(test_nothing_is_overwritten_unasked),
        cmocka_unit_test(test_only_its_own_is_replaced),
        cmocka_unit_test(test_link_and_long_name),
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_abandoned_files_are_removed),
        cmocka_unit_test(test_refused_write_leaves_nothing),
        may_skip(test_full_disk_leaves_nothing),
    };
    return RUN_TESTS(tests, arguments, scratch_setup, scratch_teardown);
}
