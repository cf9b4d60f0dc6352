/* SPDX-License-Identifier: Apache-2.0
 *
 * "%s" % x and "{}".format(x): what of Python's two ways of formatting templates use, the rest
 * refused by name. Text that is put in keeps its origin.
 */
#include <math.h>
#include <string.h>

#include "jinja/jinja_private.h"

enum
{
    LONGEST_NUMBER = 512,
    MOST_WIDTH = 100000
};

/* How one value is to be printed. */
typedef struct shape
{
    char align; /* '<', '>', '^', '=', or '\0': by the kind */
    const text *fill;
    char sign; /* '+', ' ' or '\0' */
    bool has_alternate, has_comma;
    int64_t width, precision; /* precision -1: none */
    char type;                /* '\0': by the kind */
} shape;

static lobass_status make_text(lb_jinja *jinja, const text **made, const char *printed,
                               uint32_t origin)
{
    return lb_jinja_text_copy(jinja, made, printed, strlen(printed), origin);
}

/* DIGITS, of which the first N_WHOLE stand before the point, with a comma between thousands. */
static void group_thousands(char grouped[LONGEST_NUMBER], const char *digits)
{
    const size_t n_whole = strspn(digits, "0123456789");
    size_t n = 0;
    for (size_t i = 0; digits[i] != '\0' && n + 2 < LONGEST_NUMBER; i++)
    {
        if (i > 0 && i < n_whole && (n_whole - i) % 3 == 0)
        {
            grouped[n++] = ',';
        }
        grouped[n++] = digits[i];
    }
    grouped[n] = '\0';
}

static lobass_status integer_digits(lb_jinja *jinja, char digits[LONGEST_NUMBER], uint64_t number,
                                    const shape *as)
{
    if (as->has_alternate || as->type == 'b' || as->type == 'c' || as->type == 'n')
    {
        return lb_jinja_fail(jinja, "the format of an integer with '%c' is not supported",
                             as->has_alternate ? '#' : as->type);
    }
    const unsigned base = as->type == 'x' || as->type == 'X' ? 16 : as->type == 'o' ? 8 : 10;
    const char *const names = as->type == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    char reversed[64];
    size_t n = 0;
    do
    {
        reversed[n++] = names[number % base];
        number /= base;
    } while (number > 0);
    for (size_t i = 0; i < n; i++)
    {
        digits[i] = reversed[n - 1 - i];
    }
    digits[n] = '\0';
    return LOBASS_OK;
}

static lobass_status real_digits(lb_jinja *jinja, char digits[LONGEST_NUMBER], double real,
                                 const shape *as)
{
    const int precision = as->precision < 0 ? 6 : as->precision > 100 ? 100 : (int)as->precision;
    if (as->type == '\0' && as->precision < 0)
    {
        lb_jinja_real_print(digits, real);
        return LOBASS_OK;
    }
    if (as->type == '%')
    {
        (void)lb_print(digits, LONGEST_NUMBER, "%.*f%%", precision, real * 100.0);
    }
    else if (as->type == 'f' || as->type == 'F')
    {
        (void)lb_print(digits, LONGEST_NUMBER, "%.*f", precision, real);
    }
    else if (as->type == 'e')
    {
        (void)lb_print(digits, LONGEST_NUMBER, "%.*e", precision, real);
    }
    else if (as->type == 'g')
    {
        (void)lb_print(digits, LONGEST_NUMBER, "%.*g", precision == 0 ? 1 : precision, real);
    }
    else
    {
        return lb_jinja_fail(jinja, "the format of a float with '%c' is not supported",
                             as->type == '\0' ? '.' : as->type);
    }
    return LOBASS_OK;
}

static bool is_real_type(char type)
{
    return type != '\0' && strchr("fFeEgG%", type) != NULL;
}

static lobass_status put_number(text_builder *to, const value *number, const shape *as)
{
    char digits[LONGEST_NUMBER];
    char grouped[LONGEST_NUMBER];
    const bool is_real = number->kind == KIND_REAL || is_real_type(as->type);
    const int64_t integer = number->kind == KIND_BOOLEAN ? number->as.boolean : number->as.integer;
    const double real = number->kind == KIND_REAL ? number->as.real : (double)integer;
    const bool is_negative = is_real ? signbit(real) != 0 : integer < 0;
    const text *made = NULL;
    value padded = {0};
    char sign[2] = {(char)(is_negative ? '-' : as->sign), '\0'};
    LB_TRY(is_real ? real_digits(to->jinja, digits, fabs(real), as)
                   : integer_digits(to->jinja, digits,
                                    integer < 0 ? 0 - (uint64_t)integer : (uint64_t)integer, as));
    if (as->has_comma)
    {
        group_thousands(grouped, digits);
        memcpy(digits, grouped, sizeof digits);
    }
    if (as->align == '=') /* the filling stands behind the sign */
    {
        LB_TRY(make_text(to->jinja, &made, digits, number->origin));
        LB_TRY(lb_jinja_builder_bytes(to, sign, strlen(sign), number->origin));
        LB_TRY(lb_jinja_padded(to->jinja, &padded, made, as->width - (int64_t)strlen(sign),
                               as->fill, '>'));
        return lb_jinja_builder_text(to, lb_jinja_text_of(&padded));
    }
    (void)lb_print(grouped, sizeof grouped, "%s%s", sign, digits);
    LB_TRY(make_text(to->jinja, &made, grouped, number->origin));
    LB_TRY(lb_jinja_padded(to->jinja, &padded, made, as->width, as->fill,
                           as->align == '\0' ? '>' : as->align));
    return lb_jinja_builder_text(to, lb_jinja_text_of(&padded));
}

static lobass_status put_text(text_builder *to, const text *of, const shape *as)
{
    const text *part = of;
    value padded = {0};
    if (as->precision >= 0 && as->precision < (int64_t)of->n_chars)
    {
        LB_TRY(lb_jinja_text_part(to->jinja, &part, of, 0,
                                  lb_jinja_text_offset(of, (size_t)as->precision)));
    }
    LB_TRY(lb_jinja_padded(to->jinja, &padded, part, as->width, as->fill,
                           as->align == '\0' ? '<' : as->align));
    return lb_jinja_builder_text(to, lb_jinja_text_of(&padded));
}

static lobass_status read_count(lb_jinja *jinja, const char **at, const char *end, int64_t *count)
{
    *count = 0;
    for (; *at < end && **at >= '0' && **at <= '9'; (*at)++)
    {
        *count = *count * 10 + (**at - '0');
        if (*count > MOST_WIDTH)
        {
            return lb_jinja_fail(jinja, "a width or precision beyond %d in a format", MOST_WIDTH);
        }
    }
    return LOBASS_OK;
}

/* ---- % --------------------------------------------------------------------------------------- */

typedef struct operands
{
    const value *all; /* the operand as it was given */
    const value *items;
    size_t count, next;
} operands;

static lobass_status next_operand(lb_jinja *jinja, operands *from, value *taken)
{
    if (from->next == from->count)
    {
        return lb_jinja_fail(jinja, "not enough arguments for format string");
    }
    *taken = from->items[from->next++];
    return LOBASS_OK;
}

/* %(NAME): from a dict. */
static lobass_status named_operand(lb_jinja *jinja, operands *from, const text *pattern,
                                   const char **at, value *taken)
{
    const char *end = pattern->data + pattern->size;
    const char *close = memchr(*at, ')', (size_t)(end - *at));
    if (from->all->kind != KIND_DICT)
    {
        return lb_jinja_fail(jinja, "format requires a mapping");
    }
    if (close == NULL)
    {
        return lb_jinja_fail(jinja, "incomplete format key");
    }
    const text *name = NULL;
    LB_TRY(lb_jinja_text_copy(jinja, &name, *at, (size_t)(close - *at), 0));
    LB_TRY(lb_jinja_step(jinja, lb_jinja_dict_of(from->all)->count / 16));
    const entry *found = lb_jinja_dict_look(lb_jinja_dict_of(from->all), name);
    if (found == NULL)
    {
        return lb_jinja_fail(jinja, "KeyError: '%s'", name->data);
    }
    *taken = found->value;
    from->next = from->count;
    *at = close + 1;
    return LOBASS_OK;
}

static lobass_status read_percent_shape(lb_jinja *jinja, const char **at, const char *end,
                                        shape *as)
{
    bool is_zeroed = false;
    *as = (shape){.align = '>', .fill = &lb_jinja_word_space, .precision = -1};
    for (; *at < end && strchr("-+ 0#", **at) != NULL; (*at)++)
    {
        switch (**at)
        {
        case '-':
            as->align = '<';
            break;
        case '0':
            is_zeroed = true;
            break;
        case '#':
            as->has_alternate = true;
            break;
        default:
            as->sign = (char)(as->sign == '+' ? '+' : **at);
            break;
        }
    }
    if (is_zeroed && as->align != '<') /* "-" goes before it, wherever it stands */
    {
        as->align = '=';
        as->fill = &lb_jinja_word_zero;
    }
    if (*at < end && **at == '*')
    {
        return lb_jinja_fail(jinja, "a width of * in a format is not supported");
    }
    LB_TRY(read_count(jinja, at, end, &as->width));
    if (*at < end && **at == '.')
    {
        (*at)++;
        LB_TRY(read_count(jinja, at, end, &as->precision));
    }
    if (*at == end)
    {
        return lb_jinja_fail(jinja, "incomplete format");
    }
    as->type = *(*at)++;
    return LOBASS_OK;
}

static lobass_status put_percent(text_builder *to, const value *operand, shape *as)
{
    if (as->type == 's' || as->type == 'r')
    {
        const text *printed = NULL;
        text_builder builder;
        lb_jinja_builder_begin(&builder, to->jinja);
        LB_TRY(as->type == 's' ? lb_jinja_print(&builder, operand)
                               : lb_jinja_repr(&builder, operand));
        LB_TRY(lb_jinja_builder_end(&builder, &printed));
        as->align = (char)(as->align == '=' ? '>' : as->align);
        as->fill = &lb_jinja_word_space;
        return put_text(to, printed, as);
    }
    const bool is_integer = strchr("diuxXo", as->type) != NULL;
    if (!is_integer && strchr("fFeg", as->type) == NULL)
    {
        return lb_jinja_fail(to->jinja, "the format %%%c is not supported", as->type);
    }
    if (!lb_jinja_is_number(operand))
    {
        return operand->kind == KIND_UNDEFINED
                   ? lb_jinja_fail_undefined(to->jinja, operand)
                   : lb_jinja_fail(to->jinja, "%%%c format: a real number is required, not %s",
                                   as->type, lb_jinja_type_name(operand));
    }
    value number = *operand;
    if (is_integer && number.kind == KIND_REAL)
    {
        if (!(fabs(number.as.real) < 9e18) || as->type == 'x' || as->type == 'X' || as->type == 'o')
        {
            return lb_jinja_fail(to->jinja, "%%%c format: an integer is required, not float",
                                 as->type);
        }
        number = lb_jinja_integer((int64_t)number.as.real, number.origin);
    }
    as->type = (char)(strchr("diu", as->type) != NULL ? '\0' : as->type);
    if (as->precision >= 0 && is_integer)
    {
        return lb_jinja_fail(to->jinja, "a precision of an integer in a format is not supported");
    }
    return put_number(to, &number, as);
}

lobass_status lb_jinja_percent(lb_jinja *jinja, value *result, const text *pattern,
                               const value *operand)
{
    text_builder to;
    const text *made = NULL;
    const bool is_tuple = operand->kind == KIND_TUPLE;
    operands from = {operand, is_tuple ? lb_jinja_list_of(operand)->items : operand,
                     is_tuple ? lb_jinja_list_of(operand)->count : 1, 0};
    const char *const end = pattern->data + pattern->size;
    const char *begin = pattern->data;
    lb_jinja_builder_begin(&to, jinja);
    for (const char *at = begin; at < end;)
    {
        if (*at != '%')
        {
            at++;
            continue;
        }
        value taken = {.kind = KIND_MISSING};
        shape as;
        LB_TRY(lb_jinja_builder_part(&to, pattern, (size_t)(begin - pattern->data),
                                     (size_t)(at - pattern->data)));
        at++;
        if (at < end && *at == '(')
        {
            at++;
            LB_TRY(named_operand(jinja, &from, pattern, &at, &taken));
        }
        LB_TRY(read_percent_shape(jinja, &at, end, &as));
        begin = at;
        if (as.type == '%')
        {
            LB_TRY(lb_jinja_builder_bytes(&to, "%", 1, 0));
            continue;
        }
        LB_TRY(taken.kind == KIND_MISSING ? next_operand(jinja, &from, &taken) : LOBASS_OK);
        LB_TRY(put_percent(&to, &taken, &as));
    }
    LB_TRY(lb_jinja_builder_part(&to, pattern, (size_t)(begin - pattern->data), pattern->size));
    const bool may_be_left =
        operand->kind == KIND_DICT || operand->kind == KIND_LIST || operand->kind == KIND_RANGE;
    if (from.next < from.count && !may_be_left)
    {
        return lb_jinja_fail(jinja, "not all arguments converted during string formatting");
    }
    LB_TRY(lb_jinja_builder_end(&to, &made));
    *result = lb_jinja_of_text(made);
    return LOBASS_OK;
}

/* ---- format() -------------------------------------------------------------------------------- */

typedef struct formatting
{
    lb_jinja *jinja;
    const text *pattern;
    const arguments *given;
    size_t n_automatic;
    bool is_numbered;
} formatting;

static lobass_status find_named(formatting *f, const text *name, value *found)
{
    bool is_number = name->size > 0;
    size_t number = 0;
    for (size_t i = 0; i < name->size; i++)
    {
        is_number = is_number && name->data[i] >= '0' && name->data[i] <= '9' && i < 9;
        number = is_number ? number * 10 + (size_t)(name->data[i] - '0') : 0;
    }
    if (name->size == 0 || is_number)
    {
        const bool mixes = name->size == 0 ? f->is_numbered : f->n_automatic > 0;
        f->is_numbered = f->is_numbered || is_number;
        number = name->size == 0 ? f->n_automatic++ : number;
        if (mixes || number >= f->given->n_positional)
        {
            return lb_jinja_fail(f->jinja,
                                 mixes ? "cannot switch between automatic and manual field "
                                         "numbering"
                                       : "Replacement index %zu out of range for positional args "
                                         "tuple",
                                 number);
        }
        *found = f->given->positional[number];
        return LOBASS_OK;
    }
    for (size_t i = 0; i < f->given->n_keywords; i++)
    {
        if (lb_jinja_text_equal(lb_jinja_text_of(&f->given->keywords[i].key), name))
        {
            *found = f->given->keywords[i].value;
            return LOBASS_OK;
        }
    }
    return lb_jinja_fail(f->jinja, "KeyError: '%s'", name->data);
}

/* NAME.attribute[item]... in [from, to) of the pattern. */
static lobass_status find_field(formatting *f, size_t from, size_t to, value *found)
{
    const char *data = f->pattern->data;
    const text *name = NULL;
    size_t end = from;
    while (end < to && data[end] != '.' && data[end] != '[')
    {
        end++;
    }
    LB_TRY(lb_jinja_text_part(f->jinja, &name, f->pattern, from, end));
    LB_TRY(find_named(f, name, found));
    for (size_t at = end; at < to; at = end)
    {
        const value of = *found;
        const bool is_item = data[at] == '[';
        end = at + 1;
        while (end < to && (is_item ? data[end] != ']' : data[end] != '.' && data[end] != '['))
        {
            end++;
        }
        LB_TRY(lb_jinja_text_part(f->jinja, &name, f->pattern, at + 1, end));
        if (name->size == 0 || (is_item && end == to))
        {
            return lb_jinja_fail(f->jinja, "an empty or open attribute in a format string");
        }
        int64_t number = 0;
        size_t n_digits = 0;
        while (n_digits < name->size && n_digits < 18 && name->data[n_digits] >= '0' &&
               name->data[n_digits] <= '9')
        {
            number = number * 10 + (name->data[n_digits++] - '0');
        }
        const value key =
            n_digits == name->size ? lb_jinja_integer(number, 0) : lb_jinja_of_text(name);
        LB_TRY(is_item ? lb_jinja_item(f->jinja, found, &of, &key)
                       : lb_jinja_attribute(f->jinja, found, &of, name));
        end += is_item;
    }
    return LOBASS_OK;
}

static bool is_align(char c)
{
    return c == '<' || c == '>' || c == '^' || c == '=';
}

/* [[fill]align][sign][#][0][width][,][.precision][type] */
static lobass_status read_format_shape(formatting *f, size_t from, size_t to, shape *as)
{
    const char *at = f->pattern->data + from;
    const char *const end = f->pattern->data + to;
    *as = (shape){.fill = &lb_jinja_word_space, .precision = -1};
    const size_t first = at < end ? lb_jinja_char_size(at) : 0;
    if (at + first < end && is_align(at[first]))
    {
        LB_TRY(lb_jinja_text_part(f->jinja, &as->fill, f->pattern, from, from + first));
        as->align = at[first];
        at += first + 1;
    }
    else if (at < end && is_align(*at))
    {
        as->align = *at++;
    }
    if (at < end && strchr("+- ", *at) != NULL)
    {
        as->sign = (char)(*at == '-' ? '\0' : *at);
        at++;
    }
    if (at < end && *at == '#')
    {
        as->has_alternate = true;
        at++;
    }
    if (at < end && *at == '0' && as->align == '\0')
    {
        as->align = '=';
        as->fill = &lb_jinja_word_zero;
    }
    LB_TRY(read_count(f->jinja, &at, end, &as->width));
    if (at < end && *at == ',')
    {
        as->has_comma = true;
        at++;
    }
    if (at < end && *at == '.')
    {
        at++;
        LB_TRY(read_count(f->jinja, &at, end, &as->precision));
    }
    as->type = '\0';
    if (at < end)
    {
        as->type = *at++;
    }
    return at == end ? LOBASS_OK
                     : lb_jinja_fail(f->jinja, "Invalid format specifier '%.*s'", (int)(to - from),
                                     f->pattern->data + from);
}

static lobass_status put_field(formatting *f, text_builder *to, size_t from, size_t end)
{
    const char *data = f->pattern->data;
    size_t name_end = from;
    value found = {0};
    shape as;
    while (name_end < end && data[name_end] != ':' && data[name_end] != '!')
    {
        name_end++;
    }
    LB_TRY(find_field(f, from, name_end, &found));
    size_t at = name_end;
    const char conversion = (char)(at + 1 < end && data[at] == '!' ? data[at + 1] : '\0');
    if (data[at] == '!' && at < end)
    {
        at += 2;
        if ((conversion != 's' && conversion != 'r') || (at < end && data[at] != ':'))
        {
            return lb_jinja_fail(f->jinja, "a conversion in a format string that is neither !s "
                                           "nor !r");
        }
    }
    const size_t spec = at < end ? at + 1 : end;
    LB_TRY(read_format_shape(f, spec, end, &as));
    if (lb_jinja_is_number(&found) && conversion == '\0' &&
        (found.kind != KIND_BOOLEAN || spec < end))
    {
        const bool is_decimal = as.type == 'd' && found.kind != KIND_REAL;
        as.type = (char)(is_decimal ? '\0' : as.type);
        return put_number(to, &found, &as);
    }
    const bool is_plain = found.kind != KIND_STRING && conversion == '\0';
    if ((is_plain && spec < end) || (as.type != '\0' && as.type != 's') || as.align == '=' ||
        as.sign != '\0' || as.has_comma || as.has_alternate)
    {
        return lb_jinja_fail(f->jinja, "unsupported format string passed to %s",
                             lb_jinja_type_name(&found));
    }
    const text *printed = NULL;
    text_builder builder;
    lb_jinja_builder_begin(&builder, f->jinja);
    LB_TRY(conversion == 'r' ? lb_jinja_repr(&builder, &found) : lb_jinja_print(&builder, &found));
    LB_TRY(lb_jinja_builder_end(&builder, &printed));
    return put_text(to, printed, &as);
}

lobass_status lb_jinja_format(lb_jinja *jinja, value *result, const text *pattern,
                              const arguments *given)
{
    formatting f = {jinja, pattern, given, 0, false};
    text_builder to;
    const text *made = NULL;
    const char *data = pattern->data;
    size_t from = 0;
    lb_jinja_builder_begin(&to, jinja);
    for (size_t at = 0; at < pattern->size;)
    {
        const char c = data[at];
        if (c != '{' && c != '}')
        {
            at++;
            continue;
        }
        LB_TRY(lb_jinja_builder_part(&to, pattern, from, at));
        if (at + 1 < pattern->size && data[at + 1] == c)
        {
            LB_TRY(lb_jinja_builder_part(&to, pattern, at, at + 1));
            at += 2;
            from = at;
            continue;
        }
        const char *close = memchr(data + at, '}', pattern->size - at);
        if (c == '}' || close == NULL)
        {
            return lb_jinja_fail(jinja, "Single '%c' encountered in format string", c);
        }
        const size_t end = (size_t)(close - data);
        if (memchr(data + at + 1, '{', end - at - 1) != NULL)
        {
            return lb_jinja_fail(jinja, "a field within a field of a format string is not "
                                        "supported");
        }
        LB_TRY(put_field(&f, &to, at + 1, end));
        at = end + 1;
        from = at;
    }
    LB_TRY(lb_jinja_builder_part(&to, pattern, from, pattern->size));
    LB_TRY(lb_jinja_builder_end(&to, &made));
    *result = lb_jinja_of_text(made);
    return LOBASS_OK;
}
