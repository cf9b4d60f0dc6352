/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages, harmless text, numbers for people, terminal properties and signals. A closed pipe ends
 * the command quietly (SIGPIPE keeps its default action); a full disk behind standard output is a
 * failure with a message.
 */
#include "console.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define READ_SIZE 65536
#define ESCAPE_LIMIT 0x80 /* \xNN below, as bytes; U+0080 itself is two bytes */

static atomic_bool interrupted;

/* ---- text ----------------------------------------------------------------------------------- */

static void print_unsafe(FILE *file, uint32_t code)
{
    switch (code)
    {
    case '\n':
        fputs("\xE2\x8F\x8E", file);
        break;
    case '\t':
        fputs("\\t", file);
        break;
    case '\r':
        fputs("\\r", file);
        break;
    default:
        fprintf(file, code < ESCAPE_LIMIT ? "\\x%02x" : "\\u{%04x}", (unsigned)code);
    }
}

void cli_print_visible(FILE *file, const char *data, size_t size_bytes)
{
    for (size_t i = 0; i < size_bytes;)
    {
        uint32_t code = 0;
        size_t length = lb_utf8_take(&code, data + i, size_bytes - i);
        if (length == 0)
        {
            fprintf(file, "\\x%02x", (unsigned)(unsigned char)data[i]);
            length = 1;
        }
        else if (lb_code_is_unsafe(code))
        {
            print_unsafe(file, code);
        }
        else
        {
            fwrite(data + i, 1, length, file);
        }
        i += length;
    }
}

void cli_print_text(FILE *file, const char *text)
{
    cli_print_visible(file, text, strlen(text));
}

/* ---- messages ------------------------------------------------------------------------------- */

void cli_message(const char *format, ...)
{
    char line[LOBASS_ERROR_SIZE + 256];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    fputs("lobass: ", stderr);
    cli_print_text(stderr, line);
    fputc('\n', stderr);
}

int cli_fail(const lobass_error *error)
{
    cli_message("%s", error->message[0] == '\0' ? "failed without a reason" : error->message);
    return CLI_FAILED;
}

void cli_text_add(char *text, size_t size, const char *format, ...)
{
    const size_t used = strlen(text);
    va_list arguments;

    va_start(arguments, format);
    const int added = vsnprintf(text + used, size - used, format, arguments);
    va_end(arguments);
    if (added < 0 || (size_t)added >= size - used)
    {
        memcpy(text + size - sizeof "...", "...", sizeof "...");
    }
}

/* ---- numbers -------------------------------------------------------------------------------- */

const char *cli_number(char buffer[CLI_NUMBER_SIZE], uint64_t value)
{
    char digits[CLI_NUMBER_SIZE];
    size_t n_digits = (size_t)snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);
    size_t used = 0;

    for (size_t i = 0; i < n_digits; i++)
    {
        if (i > 0 && (n_digits - i) % 3 == 0)
        {
            buffer[used++] = ',';
        }
        buffer[used++] = digits[i];
    }
    buffer[used] = '\0';
    return buffer;
}

const char *cli_duration(char buffer[CLI_NUMBER_SIZE], double seconds)
{
    unsigned long whole = seconds > 0 && seconds < 1e9 ? (unsigned long)(seconds + 0.5) : 0;
    unsigned long hours = whole / 3600;
    unsigned long minutes = whole / 60 % 60;

    if (hours > 0)
    {
        snprintf(buffer, CLI_NUMBER_SIZE, "%lu:%02lu:%02lu", hours, minutes, whole % 60);
    }
    else
    {
        snprintf(buffer, CLI_NUMBER_SIZE, "%lu:%02lu", minutes, whole % 60);
    }
    return buffer;
}

/* ---- terminal ------------------------------------------------------------------------------- */

bool cli_is_terminal(FILE *file)
{
    const char *kind = getenv("TERM");

    return isatty(fileno(file)) == 1 && kind != NULL && strcmp(kind, "dumb") != 0;
}

bool cli_has_colour(FILE *file)
{
    const char *refusal = getenv("NO_COLOR");

    return cli_is_terminal(file) && (refusal == NULL || refusal[0] == '\0');
}

size_t cli_terminal_width(FILE *file)
{
    enum
    {
        USUAL_WIDTH = 80
    };
    struct winsize size = {0};

    if (ioctl(fileno(file), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    {
        return size.ws_col;
    }
    return USUAL_WIDTH;
}

/* ---- signals and the end -------------------------------------------------------------------- */

/* A thread of its own takes each signal as it comes, so that no call of the others is interrupted
 * by a handler. The second does not wait for anything. */
static void *take_signals(void *argument)
{
    const sigset_t *taken = argument;
    int number = 0;

    while (sigwait(taken, &number) == 0)
    {
        if (atomic_exchange(&interrupted, true))
        {
            _exit(CLI_INTERRUPTED);
        }
    }
    return NULL;
}

void cli_prepare_signals(void)
{
    struct sigaction action = {0};

    action.sa_handler = SIG_IGN;
    sigemptyset(&action.sa_mask);
    sigaction(SIGXFSZ, &action, NULL);
}

void cli_catch_signals(void)
{
    static sigset_t taken;
    pthread_t thread;

    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    sigemptyset(&taken);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
    {
        struct sigaction inherited;
        /* What is ignored stays so: nohup, and a job in the background of a script. */
        if (sigaction(signals[i], NULL, &inherited) == 0 && inherited.sa_handler != SIG_IGN)
        {
            sigaddset(&taken, signals[i]);
        }
    }
    /* Blocked before there is any other thread: those inherit it. */
    pthread_sigmask(SIG_BLOCK, &taken, NULL);
    if (pthread_create(&thread, NULL, take_signals, &taken) == 0)
    {
        pthread_detach(thread);
    }
    else
    {
        pthread_sigmask(SIG_UNBLOCK, &taken, NULL); /* either kills: what was done is kept */
    }
}

bool cli_is_interrupted(void)
{
    return atomic_load(&interrupted);
}

char *cli_read_all(size_t *size_bytes, FILE *file)
{
    char *data = NULL;
    size_t capacity = 0;
    size_t used = 0;

    for (;;)
    {
        if (capacity - used < READ_SIZE)
        {
            capacity = 2 * capacity + READ_SIZE;
            char *larger = realloc(data, capacity);
            if (larger == NULL)
            {
                break;
            }
            data = larger;
        }
        size_t count = fread(data + used, 1, capacity - used, file);
        used += count;
        if (count == 0 && ferror(file) == 0)
        {
            *size_bytes = used;
            return data;
        }
        if (count == 0)
        {
            break;
        }
    }
    free(data);
    return NULL;
}

lobass_status cli_out_of_memory(lobass_error *error)
{
    error->status = LOBASS_OUT_OF_MEMORY;
    snprintf(error->message, sizeof error->message, "out of memory");
    return LOBASS_OUT_OF_MEMORY;
}

int cli_finish(int code)
{
    bool is_written = ferror(stdout) == 0; /* if not, errno is of that write */
    if (is_written)
    {
        errno = 0;
        is_written = fflush(stdout) == 0;
    }
    int reason = errno;

    if (is_written || reason == EPIPE)
    {
        return is_written || code != CLI_DONE ? code : CLI_FAILED;
    }
    cli_message("standard output: %s", reason != 0 ? strerror(reason) : "it could not be written");
    return CLI_FAILED;
}
