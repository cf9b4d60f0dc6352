/* SPDX-License-Identifier: Apache-2.0
 *
 * Folders are made with their parents, removed without following links, and moved without ever
 * replacing what was not meant to be. The lock names its holder and dies with it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit/base/scratch.h"

static void write_text(const char *path, const char *text)
{
    assert_int_equal(lb_file_write(path, text, strlen(text), true, NULL), LOBASS_OK);
}

static void test_create(void **state)
{
    (void)state;
    lobass_error error = {0};
    assert_int_equal(lb_folder_create(scratch_path("a/b//c/"), &error), LOBASS_OK);
    assert_int_equal(lb_path_look(scratch_path("a/b/c")), LB_PATH_FOLDER);
    assert_int_equal(lb_folder_create(scratch_path("a/b/c"), &error), LOBASS_OK);
    assert_int_equal(lb_folder_create("/", &error), LOBASS_OK);
    write_text(scratch_path("a/file"), "x");
    assert_int_equal(lb_folder_create(scratch_path("a/file"), &error), LOBASS_CONFLICT);
    assert_non_null(strstr(error.message, "a/file: found a file, expected a folder"));
    assert_int_equal(lb_folder_create(scratch_path("a/file/x"), &error), LOBASS_CONFLICT);
    assert_int_equal(lb_folder_create("", &error), LOBASS_BAD_ARGUMENT);
}

static void test_remove(void **state)
{
    (void)state;
    lobass_error error = {0};
    assert_int_equal(lb_folder_create(scratch_path("gone/deep/er"), &error), LOBASS_OK);
    assert_int_equal(lb_folder_create(scratch_path("outside"), &error), LOBASS_OK);
    write_text(scratch_path("outside/precious"), "x");
    write_text(scratch_path("gone/deep/er/file"), "x");
    assert_int_equal(symlink("../outside", scratch_path("gone/link")), 0);
    assert_int_equal(lb_folder_remove(scratch_path("gone"), &error), LOBASS_OK);
    assert_int_equal(lb_path_look(scratch_path("gone")), LB_PATH_MISSING);
    assert_int_equal(lb_path_look(scratch_path("outside/precious")), LB_PATH_FILE);
    assert_int_equal(symlink("outside", scratch_path("way")), 0);
    assert_int_equal(lb_folder_remove(scratch_path("way"), &error), LOBASS_IO);
    assert_int_equal(lb_path_look(scratch_path("outside/precious")), LB_PATH_FILE);
    assert_int_equal(lb_folder_remove(scratch_path("gone"), &error), LOBASS_NOT_FOUND);
    assert_non_null(strstr(error.message, "gone: cannot remove the folder"));
    assert_int_equal(lb_folder_remove(scratch_path("outside/precious"), &error), LOBASS_IO);
}

typedef struct names
{
    char all[64];
    size_t n_wanted;
} names;

static lobass_status name_add(void *context, int folder, const char *name, lobass_error *error)
{
    names *found = context;
    struct stat about;
    assert_int_equal(fstatat(folder, name, &about, 0), 0);
    found->all[strlen(found->all)] = name[0];
    return strlen(found->all) < found->n_wanted ? LOBASS_OK
                                                : lb_fail(error, LOBASS_CANCELLED, "enough");
}

static void test_walk(void **state)
{
    (void)state;
    lobass_error error = {0};
    names found = {.n_wanted = 10};
    assert_int_equal(lb_folder_create(scratch_path("walk/b"), &error), LOBASS_OK);
    write_text(scratch_path("walk/a"), "x");
    write_text(scratch_path("walk/c"), "x");
    errno = ENOENT; /* of something before */
    assert_int_equal(lb_folder_walk(scratch_path("walk"), name_add, &found, &error), LOBASS_OK);
    assert_true(strlen(found.all) == 3 && strchr(found.all, 'a') != NULL &&
                strchr(found.all, 'b') != NULL && strchr(found.all, 'c') != NULL);
    found = (names){.n_wanted = 2};
    assert_int_equal(lb_folder_walk(scratch_path("walk"), name_add, &found, &error),
                     LOBASS_CANCELLED);
    assert_int_equal(strlen(found.all), 2);
    assert_int_equal(lb_folder_walk(scratch_path("walk/a"), name_add, &found, &error), LOBASS_IO);
    assert_non_null(strstr(error.message, "walk/a: cannot open: Not a directory"));
    assert_int_equal(lb_folder_walk(scratch_path("none"), name_add, &found, &error),
                     LOBASS_NOT_FOUND);
}

static void test_move(void **state)
{
    (void)state;
    lobass_error error = {0};
    assert_int_equal(lb_folder_create(scratch_path("new"), &error), LOBASS_OK);
    write_text(scratch_path("new/n"), "new");
    assert_int_equal(lb_folder_move(scratch_path("new"), scratch_path("place"), false, &error),
                     LOBASS_OK);
    assert_int_equal(lb_path_look(scratch_path("new")), LB_PATH_MISSING);
    assert_int_equal(lb_folder_create(scratch_path("newer"), &error), LOBASS_OK);
    write_text(scratch_path("newer/r"), "newer");
    assert_int_equal(lb_folder_move(scratch_path("newer"), scratch_path("place"), false, &error),
                     LOBASS_CONFLICT);
    assert_non_null(strstr(error.message, "place: exists already"));
    assert_int_equal(lb_path_look(scratch_path("place/n")), LB_PATH_FILE);
    assert_int_equal(lb_folder_move(scratch_path("newer"), scratch_path("place"), true, &error),
                     LOBASS_OK);
    assert_int_equal(lb_path_look(scratch_path("place/r")), LB_PATH_FILE);
    assert_int_equal(lb_path_look(scratch_path("place/n")), LB_PATH_MISSING);
    assert_int_equal(lb_path_look(scratch_path("newer")), LB_PATH_MISSING);
    /* An empty folder is not replaced either: plain rename(2) would. */
    assert_int_equal(lb_folder_create(scratch_path("hollow"), &error), LOBASS_OK);
    assert_int_equal(lb_folder_move(scratch_path("place"), scratch_path("hollow"), false, &error),
                     LOBASS_CONFLICT);
    write_text(scratch_path("file"), "x");
    assert_int_equal(lb_folder_move(scratch_path("place"), scratch_path("file"), true, &error),
                     LOBASS_CONFLICT);
    assert_int_equal(lb_folder_move(scratch_path("file"), scratch_path("place"), true, &error),
                     LOBASS_NOT_FOUND);
    assert_int_equal(lb_folder_move(scratch_path("none"), scratch_path("other"), true, &error),
                     LOBASS_NOT_FOUND);
    assert_int_equal(lb_path_look(scratch_path("place/r")), LB_PATH_FILE);
}

/* Takes the lock N times and removes its file while holding it; 1 where it was not alone. */
static int lock_and_remove(unsigned n)
{
    char path[SCRATCH_PATH_SIZE + 16];
    char mark[SCRATCH_PATH_SIZE + 16];
    (void)snprintf(path, sizeof path, "%s/passing", scratch_folder);
    (void)snprintf(mark, sizeof mark, "%s/mark", scratch_folder);
    while (n > 0)
    {
        lb_lock lock = {0};
        if (lb_lock_acquire(&lock, path, NULL) == LOBASS_OK)
        {
            const int descriptor = open(mark, O_CREAT | O_EXCL | O_WRONLY, 0600);
            if (descriptor < 0 || close(descriptor) != 0 || unlink(mark) != 0 || unlink(path) != 0)
            {
                return 1;
            }
            n--;
        }
        lb_lock_release(&lock);
    }
    return 0;
}

/* A lock whose file its holder removes is still held by one at a time. */
static void test_lock_removed(void **state)
{
    (void)state;
    int ended = 0;
    const pid_t child = fork();
    if (child == 0)
    {
        _exit(lock_and_remove(2000));
    }
    assert_int_equal(lock_and_remove(2000), 0);
    assert_int_equal(waitpid(child, &ended, 0), child);
    assert_true(WIFEXITED(ended) && WEXITSTATUS(ended) == 0);
}

static void test_lock(void **state)
{
    (void)state;
    lobass_error error = {0};
    lb_lock lock = {0};
    lb_lock_release(&lock);
    const char *path = scratch_path("lock");
    int to_parent[2];
    int to_child[2];
    assert_int_equal(pipe(to_parent), 0);
    assert_int_equal(pipe(to_child), 0);
    const pid_t child = fork();
    if (child == 0)
    {
        char byte = 0;
        const lobass_status status = lb_lock_acquire(&lock, path, NULL);
        const bool told = write(to_parent[1], "x", 1) == 1 && read(to_child[0], &byte, 1) == 1;
        _exit(status == LOBASS_OK && told ? 0 : 1); /* dies with the lock held */
    }
    char byte = 0;
    assert_int_equal(read(to_parent[0], &byte, 1), 1);
    assert_int_equal(lb_lock_acquire(&lock, path, &error), LOBASS_CONFLICT);
    char expected[SCRATCH_PATH_SIZE + 64];
    (void)snprintf(expected, sizeof expected, "%s: run is in use by process %ld", path,
                   (long)child);
    assert_string_equal(error.message, expected);
    assert_int_equal(write(to_child[1], "x", 1), 1);
    int ended = 0;
    assert_int_equal(waitpid(child, &ended, 0), child);
    assert_true(WIFEXITED(ended) && WEXITSTATUS(ended) == 0);
    assert_int_equal(lb_lock_acquire(&lock, path, &error), LOBASS_OK);
    lb_lock again = {0};
    assert_int_equal(lb_lock_acquire(&again, path, &error), LOBASS_CONFLICT);
    lb_lock_release(&again);
    lb_lock_release(&lock);
    assert_int_equal(lb_lock_acquire(&again, path, &error), LOBASS_OK);
    lb_lock_release(&again);
    lb_lock_release(&again);
    lb_lock_release(NULL);
    assert_int_equal(lb_lock_acquire(&lock, scratch_path("no/lock"), &error), LOBASS_NOT_FOUND);
    for (int i = 0; i < 2; i++)
    {
        (void)close(to_parent[i]);
        (void)close(to_child[i]);
    }
}

static void test_shared_lock(void **state)
{
    (void)state;
    lobass_error error = {0};
    lb_lock first = {0};
    lb_lock second = {0};
    lb_lock writer = {0};
    const char *path = scratch_path("shared");
    assert_int_equal(lb_lock_acquire_shared(&first, path, &error), LOBASS_OK);
    assert_int_equal(lb_lock_acquire_shared(&second, path, &error), LOBASS_OK);
    lb_lock_release(&first);
    assert_int_equal(lb_lock_acquire(&writer, path, &error), LOBASS_CONFLICT);
    assert_non_null(strstr(error.message, "shared: run is in use"));
    lb_lock_release(&second);
    assert_int_equal(lb_lock_acquire(&writer, path, &error), LOBASS_OK);
    assert_int_equal(lb_lock_acquire_shared(&first, path, &error), LOBASS_CONFLICT);
    lb_lock_release(&writer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shared_lock),  cmocka_unit_test(test_create),
        cmocka_unit_test(test_walk),         cmocka_unit_test(test_remove),
        cmocka_unit_test(test_move),         cmocka_unit_test(test_lock),
        cmocka_unit_test(test_lock_removed),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
