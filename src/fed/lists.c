/* lists.c: the events in an answer that is too large to be kept: cut out one by one while the bytes come.
 *
 * Why:     the answer to a join of a large room holds tens of thousands of events; neither its text nor a tree of it need be kept.
 * Callers: gather.c.
 * Threads: any.
 * Memory:  what of a value has come so far, when a piece of the answer ends within it.
 * Holds:   the bytes are a stranger's: what is cut out is parsed on its own, or not believed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fed/rooms_own.h"

enum {
    SEEKING, /* the object; the older endpoint has it in an array, behind the status */
    AT_KEY,
    IN_KEY,
    AT_COLON,
    AT_VALUE,
    AT_ITEM,
    IN_VALUE,
    AFTER_ITEM,
    AFTER_VALUE,
    WHOLE,
    BROKEN
};

void myl_fed_lists_start(fed_lists *lists)
{
    lists->mode = SEEKING;
    lists->carry = NULL;
    lists->carry_len = lists->carry_room = 0;
}

void myl_fed_lists_end(fed_lists *lists)
{
    myl_process_free(lists->carry);
    lists->carry = NULL;
}

bool myl_fed_lists_are_whole(const fed_lists *lists)
{
    return lists->mode == WHOLE;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* ---- one value ---- */

static void begin_value(fed_lists *lists, char c)
{
    lists->mode = IN_VALUE;
    lists->depth = 0;
    lists->in_string = lists->escaped = false;
    lists->plain = c != '{' && c != '[' && c != '"';
    lists->carry_len = 0;
    lists->too_long = false;
}

/* Takes a byte of the value: is it the last one? */
static bool ends_value(fed_lists *lists, char c)
{
    if (lists->escaped) {
        lists->escaped = false;
    } else if (lists->in_string) {
        lists->escaped = c == '\\';
        lists->in_string = c != '"';
        return c == '"' && lists->depth == 0;
    } else if (c == '"') {
        lists->in_string = true;
    } else if (c == '{' || c == '[') {
        lists->depth++;
    } else if (c == '}' || c == ']') {
        return --lists->depth == 0;
    }
    return false;
}

static void carry_on(fed_lists *lists, myl_str bytes)
{
    lists->too_long |= lists->carry_len + bytes.len > MYL_LIMIT_PDU_TEXT_BYTES;
    if (lists->which == FED_LISTS_NONE || lists->too_long)
        return;
    if (lists->carry_len + bytes.len > lists->carry_room) {
        size_t room = 2 * (lists->carry_len + bytes.len);

        lists->carry = myl_process_grow(lists->carry, lists->carry_room, room);
        lists->carry_room = room;
    }
    memcpy(lists->carry + lists->carry_len, bytes.at, bytes.len);
    lists->carry_len += bytes.len;
}

/* The value ends with these bytes. */
static void give_value(fed_lists *lists, myl_str bytes)
{
    lists->mode = lists->in_array ? AFTER_ITEM : AFTER_VALUE;
    if (lists->which == FED_LISTS_NONE)
        return;
    if (lists->carry_len > 0) {
        carry_on(lists, bytes);
        bytes = (myl_str){lists->carry, lists->carry_len};
    }
    if (!lists->too_long && bytes.len <= MYL_LIMIT_PDU_TEXT_BYTES)
        lists->take(lists->arg, lists->which, bytes);
}

/* From `at` on the bytes are the value's; the place behind its last one, or the end. */
static size_t scan_value(fed_lists *lists, myl_str bytes, size_t at)
{
    size_t from = at;

    for (; at < bytes.len; at++) {
        char c = bytes.at[at];

        /* what stands bare ends before what follows it */
        if (lists->plain && (c == ',' || c == '}' || c == ']' || is_blank(c))) {
            give_value(lists, myl_str_slice(bytes, from, at - from));
            return at;
        }
        if (!lists->plain && ends_value(lists, c)) {
            give_value(lists, myl_str_slice(bytes, from, at + 1 - from));
            return at + 1;
        }
    }
    carry_on(lists, myl_str_slice(bytes, from, at - from));
    return at;
}

/* ---- between values ---- */

static int find_wanted(const fed_lists *lists, char c)
{
    myl_str key = {lists->key, lists->key_len};

    for (int i = 0; i < FED_LISTS_MOST; i++)
        if (lists->arrays[i] != NULL && c == '[' &&
            myl_str_equal(key, myl_str_of(lists->arrays[i])))
            return i;
    if (lists->object != NULL && c == '{' && myl_str_equal(key, myl_str_of(lists->object)))
        return FED_LISTS_OBJECT;
    return FED_LISTS_NONE;
}

/* False: the byte belongs to the value that begins with it. */
static bool take_value_start(fed_lists *lists, char c)
{
    lists->which = find_wanted(lists, c);
    lists->in_array = lists->which >= 0 && lists->which < FED_LISTS_MOST;
    if (lists->in_array) {
        lists->mode = AT_ITEM;
        return true;
    }
    begin_value(lists, c);
    return false;
}

static void take_key_byte(fed_lists *lists, char c)
{
    if (c == '"' && !lists->escaped) {
        lists->mode = AT_COLON;
        return;
    }
    lists->escaped = c == '\\' && !lists->escaped;
    if (lists->key_len < sizeof(lists->key))
        lists->key[lists->key_len++] = c;
}

static int seek(char c)
{
    if (c == '{')
        return AT_KEY;
    return c == '[' || c == ',' || (c >= '0' && c <= '9') ? SEEKING : BROKEN;
}

static int after(char c, int next, char close, int then)
{
    if (c == ',')
        return next;
    return c == close ? then : BROKEN;
}

/* Takes one byte; false: it begins a value, which scan_value takes. */
static bool take_byte(fed_lists *lists, char c)
{
    if (lists->mode == IN_KEY) {
        take_key_byte(lists, c);
        return true;
    }
    if (is_blank(c))
        return true;
    switch (lists->mode) {
    case SEEKING: lists->mode = seek(c); break;
    case AT_KEY:
        lists->key_len = 0;
        lists->escaped = false;
        lists->mode = c == '"' ? IN_KEY : c == '}' ? WHOLE : BROKEN;
        break;
    case AT_COLON: lists->mode = c == ':' ? AT_VALUE : BROKEN; break;
    case AT_VALUE: return take_value_start(lists, c);
    case AT_ITEM:
        if (c != ']') {
            begin_value(lists, c);
            return false;
        }
        lists->mode = AFTER_VALUE;
        break;
    case AFTER_ITEM: lists->mode = after(c, AT_ITEM, ']', AFTER_VALUE); break;
    case AFTER_VALUE: lists->mode = after(c, AT_KEY, '}', WHOLE); break;
    default: break;
    }
    return true;
}

bool myl_fed_lists_take(fed_lists *lists, myl_str bytes)
{
    size_t at = 0;

    while (at < bytes.len && lists->mode != WHOLE && lists->mode != BROKEN) {
        if (lists->mode == IN_VALUE)
            at = scan_value(lists, bytes, at);
        else
            at += take_byte(lists, bytes.at[at]);
    }
    return lists->mode != BROKEN;
}
