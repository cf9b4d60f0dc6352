/* SPDX-License-Identifier: Apache-2.0
 *
 * See tree.h. A database is opened in place, since its log belongs to it: what a killed process
 * left is read as the next one would read it.
 */
#include "fault/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#define PATH_SIZE 1024

void die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    (void)fputc('\n', stderr);
    exit(1);
}

void *must(void *memory)
{
    if (memory == NULL)
    {
        die("out of memory");
    }
    return memory;
}

static void join(char path[PATH_SIZE], const char *folder, const char *name)
{
    if (snprintf(path, PATH_SIZE, "%s/%s", folder, name) >= PATH_SIZE)
    {
        die("%s/%s: too long", folder, name);
    }
}

/* ---- taking and putting back ------------------------------------------------------------------
 */

static void read_entry(tree_entry *entry, const char *path)
{
    struct stat about;
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0 || fstat(descriptor, &about) != 0)
    {
        die("%s: %s", path, strerror(errno));
    }
    entry->size = (size_t)about.st_size;
    entry->data = must(calloc(1, entry->size + 1));
    size_t n_read = 0;
    while (n_read < entry->size)
    {
        const ssize_t got = read(descriptor, entry->data + n_read, entry->size - n_read);
        if (got <= 0)
        {
            die("%s: cannot read: %s", path, strerror(errno));
        }
        n_read += (size_t)got;
    }
    (void)close(descriptor);
}

static void take_into(tree *to, const char *folder, const char *within)
{
    char path[PATH_SIZE];
    join(path, folder, within);
    DIR *opened = opendir(path);
    if (opened == NULL && errno == ENOENT && within[0] == '\0')
    {
        return;
    }
    if (opened == NULL)
    {
        die("%s: %s", path, strerror(errno));
    }
    for (const struct dirent *found = readdir(opened); found != NULL; found = readdir(opened))
    {
        if (strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0)
        {
            continue;
        }
        char name[PATH_SIZE];
        if (snprintf(name, sizeof name, "%s%s%s", within, within[0] == '\0' ? "" : "/",
                     found->d_name) >= PATH_SIZE)
        {
            die("%s: too long", found->d_name);
        }
        join(path, folder, name);
        struct stat about;
        if (lstat(path, &about) != 0)
        {
            die("%s: %s", path, strerror(errno));
        }
        to->entries = must(realloc(to->entries, (to->n + 1) * sizeof *to->entries));
        tree_entry *entry = &to->entries[to->n++];
        *entry = (tree_entry){.name = must(strdup(name)), .is_folder = S_ISDIR(about.st_mode)};
        if (entry->is_folder)
        {
            take_into(to, folder, name);
        }
        else
        {
            read_entry(entry, path);
        }
    }
    (void)closedir(opened);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const tree_entry *)a)->name, ((const tree_entry *)b)->name);
}

tree tree_take(const char *folder)
{
    tree taken = {0};
    take_into(&taken, folder, "");
    if (taken.n > 0)
    {
        qsort(taken.entries, taken.n, sizeof *taken.entries, by_name);
    }
    return taken;
}

/* Last to first by name: what stands in a folder goes before it. */
static void clear(const char *folder)
{
    tree found = {0};
    char path[PATH_SIZE];
    take_into(&found, folder, "");
    if (found.n > 0)
    {
        qsort(found.entries, found.n, sizeof *found.entries, by_name);
    }
    for (size_t i = found.n; i > 0; i--)
    {
        join(path, folder, found.entries[i - 1].name);
        if ((found.entries[i - 1].is_folder ? rmdir(path) : unlink(path)) != 0)
        {
            die("%s: cannot remove: %s", path, strerror(errno));
        }
    }
    tree_free(&found);
}

static void write_entry(const tree_entry *entry, const char *path)
{
    const int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor < 0 || write(descriptor, entry->data, entry->size) != (ssize_t)entry->size)
    {
        die("%s: cannot write: %s", path, strerror(errno));
    }
    (void)close(descriptor);
}

void tree_put(const tree *of, const char *folder)
{
    char path[PATH_SIZE];
    clear(folder);
    for (size_t i = 0; i < of->n; i++)
    {
        join(path, folder, of->entries[i].name);
        if (!of->entries[i].is_folder)
        {
            write_entry(&of->entries[i], path);
        }
        else if (mkdir(path, 0777) != 0)
        {
            die("%s: cannot make: %s", path, strerror(errno));
        }
    }
}

void tree_free(tree *of)
{
    for (size_t i = 0; i < of->n; i++)
    {
        free(of->entries[i].name);
        free(of->entries[i].data);
    }
    free(of->entries);
    *of = (tree){0};
}

const tree_entry *tree_find(const tree *in, const char *name)
{
    const tree_entry key = {.name = (char *)name};
    return in->n == 0 ? NULL : bsearch(&key, in->entries, in->n, sizeof *in->entries, by_name);
}

bool entry_same(const tree_entry *a, const tree_entry *b)
{
    return strcmp(a->name, b->name) == 0 && a->is_folder == b->is_folder && a->size == b->size &&
           (a->size == 0 || memcmp(a->data, b->data, a->size) == 0);
}

bool tree_same(const tree *a, const tree *b)
{
    bool is_same = a->n == b->n;
    for (size_t i = 0; i < a->n && is_same; i++)
    {
        is_same = entry_same(&a->entries[i], &b->entries[i]);
    }
    return is_same;
}

/* ---- as a result ------------------------------------------------------------------------------
 */

/* The number at TEXT becomes '#'s of a fixed width: its own may vary. */
static char *mask_number(char *text)
{
    const size_t size = strspn(text, "0123456789.e+-");
    if (size > 0)
    {
        memmove(text + 1, text + size, strlen(text + size) + 1);
        text[0] = '#';
    }
    return text + (size > 0 ? 1 : 0);
}

/* After `seconds": ` a number, or an object, since the time of what was interrupted may not be on
 * record; and every H:MM. */
void mask_times(char *text)
{
    static const char key[] = "seconds\": ";
    for (char *at = strstr(text, key); at != NULL; at = strstr(at, key))
    {
        at += sizeof key - 1;
        if (*at != '{')
        {
            at = mask_number(at);
            continue;
        }
        const size_t size = strcspn(at, "}");
        memmove(at, at + size, strlen(at + size) + 1);
    }
    for (char *at = strchr(text, ':'); at != NULL; at = strchr(at + 1, ':'))
    {
        if (at > text && strchr("0123456789", at[-1]) != NULL && at[1] != '\0' && at[2] != '\0' &&
            strspn(at + 1, "0123456789") == 2)
        {
            memcpy(at + 1, "##", 2);
            at[-1] = '#';
        }
    }
}

static void add_value(FILE *to, sqlite3_stmt *statement, int column)
{
    const char *name = sqlite3_column_name(statement, column);
    (void)fprintf(to, " %s=", name);
    if (strstr(name, "seconds") != NULL)
    {
        (void)fputs("#", to);
        return;
    }
    if (sqlite3_column_type(statement, column) != SQLITE_BLOB)
    {
        const unsigned char *text = sqlite3_column_text(statement, column);
        (void)fputs(text == NULL ? "NULL" : (const char *)text, to);
        return;
    }
    const unsigned char *bytes = sqlite3_column_blob(statement, column);
    for (int i = 0; i < sqlite3_column_bytes(statement, column); i++)
    {
        (void)fprintf(to, "%02x", bytes[i]);
    }
}

static void add_query(FILE *to, sqlite3 *database, const char *sql, const char *title)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(database, sql, -1, &statement, NULL) != SQLITE_OK)
    {
        (void)fprintf(to, "%s: %s\n", title, sqlite3_errmsg(database));
        return;
    }
    int code = SQLITE_ROW;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW)
    {
        const char *first = (const char *)sqlite3_column_text(statement, 0);
        if (first != NULL && strncmp(first, "seconds.", 8) == 0)
        {
            continue; /* that of what was interrupted may not be on record */
        }
        (void)fputs(title, to);
        for (int i = 0; i < sqlite3_column_count(statement); i++)
        {
            add_value(to, statement, i);
        }
        (void)fputc('\n', to);
    }
    if (code != SQLITE_DONE)
    {
        (void)fprintf(to, "%s: %s\n", title, sqlite3_errmsg(database));
    }
    (void)sqlite3_finalize(statement);
}

static void add_tables(FILE *to, sqlite3 *database)
{
    sqlite3_stmt *tables = NULL;
    if (sqlite3_prepare_v2(database,
                           "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name", -1,
                           &tables, NULL) != SQLITE_OK)
    {
        (void)fprintf(to, "tables: %s\n", sqlite3_errmsg(database));
        return;
    }
    while (sqlite3_step(tables) == SQLITE_ROW)
    {
        char sql[256];
        const char *name = (const char *)sqlite3_column_text(tables, 0);
        (void)sqlite3_snprintf(sizeof sql, sql, "SELECT * FROM \"%w\"", name);
        add_query(to, database, sql, name);
    }
    (void)sqlite3_finalize(tables);
}

/* The rows of a database as text, in the place of its bytes. */
static void become_rows(tree_entry *entry, const char *path)
{
    sqlite3 *database = NULL;
    char *text = NULL;
    size_t size = 0;
    FILE *to = must(open_memstream(&text, &size));
    if (sqlite3_open_v2(path, &database, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK)
    {
        add_query(to, database, "PRAGMA integrity_check", "integrity");
        add_query(to, database, "PRAGMA user_version", "version");
        add_tables(to, database);
    }
    (void)fclose(to);
    (void)sqlite3_close(database);
    free(entry->data);
    entry->data = text;
    entry->size = size;
}

static bool ends_with(const char *text, const char *end)
{
    return strlen(text) >= strlen(end) && strcmp(text + strlen(text) - strlen(end), end) == 0;
}

tree tree_result(const char *folder)
{
    static const char *const times[] = {".json", ".html"};
    tree taken = tree_take(folder);
    size_t n_kept = 0;
    for (size_t i = 0; i < taken.n; i++)
    {
        tree_entry entry = taken.entries[i];
        if (ends_with(entry.name, ".db-wal") || ends_with(entry.name, ".db-shm"))
        {
            free(entry.name);
            free(entry.data);
            continue;
        }
        if (ends_with(entry.name, ".db"))
        {
            char path[PATH_SIZE];
            join(path, folder, entry.name);
            become_rows(&entry, path);
        }
        if (ends_with(entry.name, "lock"))
        {
            entry.size = 0; /* the holder's number is news while it holds it */
        }
        for (size_t k = 0; k < sizeof times / sizeof times[0]; k++)
        {
            if (ends_with(entry.name, times[k]))
            {
                mask_times(entry.data);
                entry.size = strlen(entry.data);
            }
        }
        taken.entries[n_kept++] = entry;
    }
    taken.n = n_kept;
    return taken;
}

bool tree_differs(const tree *found, const tree *expected, char *what, size_t size)
{
    for (size_t i = 0; i < found->n; i++)
    {
        const tree_entry *other = tree_find(expected, found->entries[i].name);
        if (other == NULL)
        {
            (void)snprintf(what, size, "%s was left behind", found->entries[i].name);
            return true;
        }
        if (!entry_same(&found->entries[i], other))
        {
            size_t at = 0;
            while (at < found->entries[i].size && at < other->size &&
                   found->entries[i].data[at] == other->data[at])
            {
                at++;
            }
            const size_t from = at < 40 ? 0 : at - 40;
            (void)snprintf(what, size, "%s differs at byte %zu: '%.120s', expected '%.120s'",
                           other->name, at, found->entries[i].data + from, other->data + from);
            return true;
        }
    }
    for (size_t i = 0; i < expected->n; i++)
    {
        if (tree_find(found, expected->entries[i].name) == NULL)
        {
            (void)snprintf(what, size, "%s is missing", expected->entries[i].name);
            return true;
        }
    }
    return false;
}
