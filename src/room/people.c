/* people.c: who may be found by whom, and users of other servers in the directory.
 *
 * Callers: the user directory's endpoint; member.c tells of users of other servers.
 * Threads: the transaction's.
 * Holds:   a name that somebody bears in one room only is not shown to who is not in it: a user of another server is shown
 *          by a room that the asker may see, and must match by the name there.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/room_people.h>

#include <stdlib.h>

#include <myelin/base_words.h>
#include <myelin/matrix_id.h>
#include <myelin/user_directory.h>

#include "room/room_own.h"

enum { TERM_WORDS = 8, STEP_USERS = 100 };

static const char kind[] = "room.people";

/* ---- users of other servers ---- */

myl_rc myl_room_person_changed(myl_ctx *cx, uint64_t user)
{
    myl_key key = myl_key_of_u64(user);
    myl_scan *scan;
    myl_str first, row;
    uint64_t task;

    MYL_TRY(myl_scan_start(cx, MYL_TABLE_DIRECTORY_WAITING, MYL_ABSENT, MYL_ABSENT, MYL_FORWARD,
                           &scan));
    MYL_TRY(myl_scan_next(scan, &first, &row));
    bool idle = !myl_str_present(first);
    myl_scan_end(scan);
    if (idle)
        MYL_TRY(myl_task_add(cx, kind, MYL_S(""), &task));
    return myl_store_put(cx, MYL_TABLE_DIRECTORY_WAITING, myl_key_str(&key), MYL_S("1"));
}

static myl_rc next_waiting(myl_ctx *cx, myl_list *out)
{
    myl_scan *scan;
    myl_str key, value;
    uint64_t user;

    MYL_TRY(myl_scan_start(cx, MYL_TABLE_DIRECTORY_WAITING, MYL_ABSENT, MYL_ABSENT, MYL_FORWARD,
                           &scan));
    while (out->count < STEP_USERS) {
        MYL_TRY(myl_scan_next(scan, &key, &value));
        if (!myl_str_present(key))
            break;
        if (!myl_cut_u64(&key, &user))
            return myl_fail(cx, MYL_CORRUPT, "DIRECTORY_WAITING: bad row");
        myl_list_push(out, uint64_t, user);
    }
    myl_scan_end(scan);
    return MYL_OK;
}

/* Name and picture of a member event. */
static myl_rc person_of_event(myl_ctx *cx, uint64_t event, myl_person *out)
{
    const myl_json *content;
    myl_stored stored;

    MYL_TRY(myl_room_event(cx, event, &stored));
    MYL_TRY(myl_room_event_content(cx, &stored, &content));
    out->display_name = myl_json_text(content, MYL_S("displayname"));
    out->avatar_url = myl_json_text(content, MYL_S("avatar_url"));
    return MYL_OK;
}

static myl_rc put_waiting(myl_ctx *cx, uint64_t user)
{
    myl_key key = myl_key_of_u64(user);
    const myl_member *rooms;
    myl_person person = {0};
    size_t count;

    MYL_TRY(myl_store_delete(cx, MYL_TABLE_DIRECTORY_WAITING, myl_key_str(&key)));
    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, user, &person.user_id));
    MYL_TRY(myl_room_of_user(cx, user, 1u << MYL_MEMBER_JOIN, &rooms, &count));
    if (count == 0)
        return myl_user_directory_drop(cx, user);
    MYL_TRY(person_of_event(cx, rooms[count - 1].event, &person));
    return myl_user_directory_put(cx, user, person.user_id, person.display_name);
}

static myl_rc step(myl_ctx *cx, myl_str state, myl_str *next_state, bool *finished)
{
    myl_list users = MYL_LIST(cx, uint64_t);

    *next_state = state;
    MYL_TRY(next_waiting(cx, &users));
    for (size_t i = 0; i < users.count; i++)
        MYL_TRY(put_waiting(cx, myl_list_get(&users, uint64_t, i)));
    *finished = users.count < STEP_USERS;
    return MYL_OK;
}

const myl_task_kind myl_room_people_task = {kind, step};

/* ---- who may be found ---- */

typedef struct {
    myl_ctx *cx;
    uint64_t asker;
    const myl_people_ask *ask;
    myl_name_words words;
    myl_str whole;          /* the term, folded */
    const uint64_t *shared; /* the asker's rooms, ascending */
    size_t shared_count;
    myl_map *open; /* room id -> is it open to all? as a pointer to bool */
} search;

static int compare_rooms(const void *a, const void *b)
{
    return myl_room_compare_numbers(a, b);
}

static myl_rc load_rooms(search *s)
{
    const myl_member *rooms;
    uint64_t *numbers;

    MYL_TRY(myl_room_of_user(s->cx, s->asker, 1u << MYL_MEMBER_JOIN, &rooms, &s->shared_count));
    numbers = myl_new_array(s->cx, uint64_t, s->shared_count + 1);
    for (size_t i = 0; i < s->shared_count; i++)
        numbers[i] = rooms[i].room;
    s->shared = numbers;
    return MYL_OK;
}

/* Public, or readable by the world. */
static myl_rc look_if_open(myl_ctx *cx, uint64_t room, bool *out)
{
    const myl_json *rules, *history;
    myl_room_head head;

    MYL_TRY(myl_room_head_of(cx, room, &head));
    MYL_TRY(myl_room_state_content(cx, head.state, "m.room.join_rules", MYL_S(""), &rules));
    MYL_TRY(
        myl_room_state_content(cx, head.state, "m.room.history_visibility", MYL_S(""), &history));
    *out =
        myl_str_equal(myl_json_text(rules, MYL_S("join_rule")), MYL_S("public")) ||
        myl_str_equal(myl_json_text(history, MYL_S("history_visibility")), MYL_S("world_readable"));
    return MYL_OK;
}

static myl_rc is_open(const search *s, uint64_t room, bool *out)
{
    myl_key *key = myl_new(s->cx, myl_key);
    bool *known;

    *key = myl_key_of_u64(room);
    known = myl_map_get(s->open, myl_key_str(key));
    if (known == NULL) {
        known = myl_new(s->cx, bool);
        MYL_TRY(look_if_open(s->cx, room, known));
        *myl_map_slot(s->open, myl_key_str(key)) = known;
    }
    *out = *known;
    return MYL_OK;
}

/* The member event by which a user may be shown; 0: none. */
static myl_rc shown_by(const search *s, uint64_t user, uint64_t *event)
{
    const myl_member *rooms;
    size_t count;

    *event = 0;
    MYL_TRY(myl_room_of_user(s->cx, user, 1u << MYL_MEMBER_JOIN, &rooms, &count));
    for (size_t i = 0; i < count && i < MYL_LIMIT_DIRECTORY_ROOMS; i++) {
        bool may = bsearch(&rooms[i].room, s->shared, s->shared_count, sizeof(*s->shared),
                           compare_rooms) != NULL;

        if (!may)
            MYL_TRY(is_open(s, rooms[i].room, &may));
        if (may) {
            *event = rooms[i].event;
            return MYL_OK;
        }
    }
    return MYL_OK;
}

static bool is_match(const search *s, const myl_person *person)
{
    myl_name_words name = myl_user_directory_words(s->cx, person->user_id, person->display_name);

    return myl_str_equal(person->user_id, s->ask->term) ||
           myl_user_directory_matches(&s->words, &name);
}

/* *found: may be shown, and matches by the name that is shown. */
static myl_rc judge(const search *s, uint64_t user, myl_person *person, bool *found)
{
    myl_profile profile = {0};
    uint64_t event = 0;
    bool local;

    *found = false;
    memset(person, 0, sizeof(*person));
    if (user == s->asker)
        return MYL_OK;
    MYL_TRY(myl_store_text_of(s->cx, MYL_INTERN_NAME, user, &person->user_id));
    local = myl_id_is_ours(person->user_id, myl_room_server()->server_name);
    if (!local || !s->ask->all_local) {
        MYL_TRY(shown_by(s, user, &event));
        if (event == 0)
            return MYL_OK;
    }
    if (local)
        MYL_TRY(myl_user_profile(s->cx, person->user_id, &profile));
    else
        MYL_TRY(person_of_event(s->cx, event, person));
    if (local) {
        person->display_name = profile.display_name;
        person->avatar_url = profile.avatar_url;
    }
    *found = is_match(s, person);
    return MYL_OK;
}

/* ---- the best first ---- */

typedef struct {
    myl_person person;
    int rank; /* smaller is better */
} ranked;

static int rank_of(const search *s, const myl_person *person)
{
    myl_str name = myl_words_fold(s->cx, person->display_name);

    if (myl_str_equal(person->user_id, s->ask->term))
        return 0;
    if (myl_str_equal(name, s->whole) || myl_str_equal(myl_id_localpart(person->user_id), s->whole))
        return 1;
    if (myl_str_starts(name, s->whole))
        return 2;
    return myl_str_present(person->display_name) ? 3 : 4;
}

static int compare_ranked(const void *a, const void *b)
{
    const ranked *left = a, *right = b;

    if (left->rank != right->rank)
        return left->rank - right->rank;
    return myl_str_compare(left->person.user_id, right->person.user_id);
}

/* The longest word is the one that fewest users have. */
static myl_str rarest(const myl_name_words *words)
{
    myl_str best = MYL_S("");

    for (size_t i = 0; i < words->count; i++)
        if (words->words[i].len > best.len)
            best = words->words[i];
    return best;
}

static myl_rc candidates(const search *s, myl_list *users, bool *limited)
{
    const uint64_t *found;
    uint64_t exact;
    size_t count;

    MYL_TRY(myl_store_interned(s->cx, MYL_INTERN_NAME, s->ask->term, &exact));
    if (exact != 0 && myl_id_is_user(s->ask->term))
        myl_list_push(users, uint64_t, exact);
    if (s->words.count == 0)
        return MYL_OK;
    MYL_TRY(myl_user_directory_find(s->cx, rarest(&s->words), MYL_LIMIT_DIRECTORY_LOOKS, &found,
                                    &count));
    *limited = count == MYL_LIMIT_DIRECTORY_LOOKS;
    for (size_t i = 0; i < count; i++)
        if (found[i] != exact || !myl_id_is_user(s->ask->term))
            myl_list_push(users, uint64_t, found[i]);
    myl_list_sort(users, compare_rooms);
    return MYL_OK;
}

static myl_rc judge_all(const search *s, const myl_list *users, myl_list *out)
{
    uint64_t last = 0;

    for (size_t i = 0; i < users->count; i++) {
        uint64_t user = myl_list_get(users, uint64_t, i);
        ranked one;
        bool found;

        if (user == last)
            continue; /* found by two of its words */
        last = user;
        MYL_TRY(judge(s, user, &one.person, &found));
        if (!found)
            continue;
        one.rank = rank_of(s, &one.person);
        myl_list_push(out, ranked, one);
    }
    myl_list_sort(out, compare_ranked);
    return MYL_OK;
}

myl_rc myl_room_find_people(myl_ctx *cx, const myl_caller *asker, const myl_people_ask *ask,
                            myl_people *out)
{
    search s = {.cx = cx, .asker = asker->user, .ask = ask, .open = myl_map_start(cx, 64)};
    myl_list users = MYL_LIST(cx, uint64_t), people = MYL_LIST(cx, ranked);
    myl_str term =
        myl_str_starts(ask->term, MYL_S("@")) ? myl_str_slice(ask->term, 1, SIZE_MAX) : ask->term;
    myl_person *shown;

    out->limited = false;
    s.words.count = myl_words_of(cx, term, TERM_WORDS, &s.words.words);
    s.whole = myl_words_fold(cx, term);
    MYL_TRY(load_rooms(&s));
    MYL_TRY(candidates(&s, &users, &out->limited));
    MYL_TRY(judge_all(&s, &users, &people));
    out->limited = out->limited || people.count > ask->limit;
    out->count = people.count > ask->limit ? ask->limit : people.count;
    shown = myl_new_array(cx, myl_person, out->count + 1);
    for (size_t i = 0; i < out->count; i++)
        shown[i] = myl_list_get(&people, ranked, i).person;
    out->people = shown;
    return MYL_OK;
}
