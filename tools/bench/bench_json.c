/* bench_json.c: parses and writes one event many times; compares with jansson.
 *
 * Why:     docs/decisions/002-json-parser.md rests on these figures.
 * Use:     bench_json [ROUNDS]. jansson is loaded at run time, as the server does not link it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include <myelin/base_clock.h>
#include <myelin/json_value.h>

static const char event[] =
    "{\"auth_events\":[\"$tLPTvGq8hZdFw0Ur6Ak2jLzXJfBmRxWc3ePyNdKsQoI\","
    "\"$bW9mXz5VtYh1nRkQdPcJ7LsFgAe0ouCiT2pGvHrEqMw\","
    "\"$Zk3VhQxN8sLwRjTbYcGmEoPdFuAi6r1t9yX2zKqJvB0\"],\"content\":{\"body\":\"Let us meet at the "
    "usual place, \\u201cby the old mill\\u201d, at noon.\\nBring the map "
    "\\ud83d\\uddfa\",\"msgtype\":"
    "\"m.text\",\"m.mentions\":{\"user_ids\":[\"@bob:example.org\"]}},\"depth\":1045,\"hashes\":{"
    "\"sha256\":\"h0FqP1sK8dYxZrW3uVbNcTjLmEoAiGg5yX2zKqJvB0w\"},\"origin_server_ts\":"
    "1712345678901,"
    "\"prev_events\":[\"$Qm7JxV3sLwRjTbYcGmEoPdFuAi6r1t9yX2zKqJvB0Zk\"],\"room_id\":"
    "\"!abcdefghijklmnopqr:example.org\",\"sender\":\"@alice:example.org\",\"signatures\":{"
    "\"example.org\":{\"ed25519:a_1\":"
    "\"MEQCIFx1JvB0Zk3VhQxN8sLwRjTbYcGmEoPdFuAi6r1t9yX2zKqJvB0ZkQm7JxV3sL"
    "wRjTbYcGmEoPdFuAi6r\"}},\"type\":\"m.room.message\",\"unsigned\":{\"age\":12}}";

static double microseconds(int64_t from, long rounds)
{
    return (double)(myl_tick_ns() - from) / 1000.0 / (double)rounds;
}

static void parse(myl_ctx *cx, const myl_json **out)
{
    if (myl_json_parse(cx, myl_str_of(event), out) != MYL_OK)
        abort();
}

static void bench_ours(myl_ctx *cx, long rounds)
{
    const myl_json *tree;
    int64_t from = myl_tick_ns();
    for (long i = 0; i < rounds; i++) {
        myl_ctx_reset(cx);
        parse(cx, &tree);
    }
    printf("ours     parse %.2f us\n", microseconds(from, rounds));
    from = myl_tick_ns();
    for (long i = 0; i < rounds; i++) {
        myl_mark mark = myl_ctx_mark(cx);
        myl_text out = myl_text_start(cx, 1024);
        if (myl_json_canonical(cx, tree, MYL_JSON_STRICT, &out) != MYL_OK)
            abort();
        myl_ctx_release(cx, mark);
    }
    printf("ours     canonical %.2f us\n", microseconds(from, rounds));
}

static void bench_jansson(long rounds)
{
    void *library = dlopen("libjansson.so.4", RTLD_NOW);
    if (library == NULL) {
        printf("jansson  not here\n");
        return;
    }
    const size_t reject_duplicates = 1, sort_and_compact = 0x20 | 0x80;
    void *(*loadb)(const char *, size_t, size_t, void *) = NULL;
    char *(*dumps)(const void *, size_t) = NULL;
    void (*delete)(void *) = NULL;
    *(void **)&loadb = dlsym(library, "json_loadb");
    *(void **)&dumps = dlsym(library, "json_dumps");
    *(void **)&delete = dlsym(library, "json_delete");
    int64_t from = myl_tick_ns();
    for (long i = 0; i < rounds; i++)
        delete (loadb(event, sizeof(event) - 1, reject_duplicates, NULL));
    printf("jansson  parse %.2f us\n", microseconds(from, rounds));
    void *tree = loadb(event, sizeof(event) - 1, reject_duplicates, NULL);
    from = myl_tick_ns();
    for (long i = 0; i < rounds; i++)
        free(dumps(tree, sort_and_compact));
    printf("jansson  dump sorted %.2f us\n", microseconds(from, rounds));
    delete (tree);
}

int main(int count, char **words)
{
    long rounds = count > 1 ? strtol(words[1], NULL, 10) : 200000;
    if (rounds < 1)
        rounds = 1;
    printf("%zu bytes, %ld rounds\n", sizeof(event) - 1, rounds);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    bench_ours(&cx, rounds);
    myl_ctx_end(&cx);
    bench_jansson(rounds);
    return 0;
}
