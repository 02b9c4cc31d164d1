/* test_file.c: configuration files, good ones and every kind of bad ones.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config/config_test.h"

#include <stdlib.h>

#include <myelin/base_limit.h>

static void defaults(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    myl_config *config = NULL;
    assert_int_equal(config_test_load(&cx, MYL_S("server_name: hs.example.org:8448\n"), &config),
                     MYL_OK);
    assert_str("name", config->server_name, MYL_S("hs.example.org:8448"));
    assert_str("data", config->data_dir, myl_strf(&cx, "%s.", config_test_folder()));
    assert_str("key", config->signing_key, myl_strf(&cx, "%ssigning.key", config_test_folder()));
    assert_int_equal(config->signing_key.at[config->signing_key.len], '\0');
    assert_str("format", config->log_format, MYL_S("text"));
    assert_str("version", config->rooms_default_version, MYL_S("12"));
    assert_int_equal(config->store_map_size, INT64_C(1) << 40);
    assert_int_equal(config->http_idle_timeout, 75000);
    assert_int_equal(config->rate_login_per_second, 200);
    assert_int_equal(config->passwords_memory_kib, 19456);
    assert_false(config->registration_enabled);
    assert_false(config->registration_open);
    assert_false(config->registration_guests);
    assert_false(config->outgoing_allow_loopback);
    assert_false(config->public_rooms_without_login);
    assert_true(config->rate_enabled);
    assert_false(myl_str_present(config->registration_shared_secret.text));
    assert_false(myl_str_present(config->well_known_server));
    assert_int_equal(config->turn_uris.count, 0);
    assert_int_equal(config->listeners.count, 1);
    const myl_config_listener *one = &config->listeners.items[0];
    assert_str("address", one->address, MYL_S("127.0.0.1"));
    assert_int_equal(one->port, 8008);
    assert_int_equal(one->apis, MYL_API_CLIENT | MYL_API_FEDERATION);
    assert_int_equal(one->unix_mode, 0660);
    myl_config_end(config);
    myl_config_end(NULL);
    myl_ctx_end(&cx);
}

static const char everything[] = "# a comment\n"
                                 "server_name: '[2001:db8::1]:8448'\n"
                                 "data_dir: /var/lib/myelin\n"
                                 "log: {level: \"warning,http=debug\", format: json}\n"
                                 "http:\n"
                                 "  max_body: 10M\n"
                                 "  header_timeout: 1500ms\n"
                                 "  body_timeout: 1d\n"
                                 "rooms:\n"
                                 "  default_version: 10\n"
                                 "rate:\n"
                                 "  login:\n"
                                 "    per_second: 0.17\n"
                                 "    burst: 3\n"
                                 "registration:\n"
                                 "  enabled: true\n"
                                 "  shared_secret: \"s e c r e t\"\n"
                                 "threads:\n"
                                 "outgoing:\n"
                                 "  allow_networks: [10.0.0.0/8, 'fd00::/8']\n"
                                 "  ca_file: ca/own.pem\n"
                                 "turn:\n"
                                 "  uris:\n"
                                 "    - turn:turn.example.org?transport=udp\n"
                                 "    - turns:turn.example.org\n"
                                 "  secret: x\n"
                                 "listeners:\n"
                                 "  - address: '::'\n"
                                 "    port: 8448\n"
                                 "    tls: {certificate: tls.crt, private_key: /etc/tls.key}\n"
                                 "    apis: [metrics, federation]\n"
                                 "  - unix: {path: run/admin.sock, mode: '0600'}\n"
                                 "    apis: [admin]\n"
                                 "    x_forwarded_for: [127.0.0.1]\n";

static void check_listeners(myl_ctx *cx, const myl_config *config)
{
    assert_int_equal(config->listeners.count, 2);
    const myl_config_listener *one = &config->listeners.items[0], *two = one + 1;
    assert_str("address", one->address, MYL_S("::"));
    assert_int_equal(one->port, 8448);
    assert_str("certificate", one->tls_certificate,
               myl_strf(cx, "%stls.crt", config_test_folder()));
    assert_str("key", one->tls_private_key, MYL_S("/etc/tls.key"));
    assert_int_equal(one->apis, MYL_API_METRICS | MYL_API_FEDERATION);
    assert_false(myl_str_present(one->unix_path));
    assert_str("socket", two->unix_path, myl_strf(cx, "%srun/admin.sock", config_test_folder()));
    assert_int_equal(two->unix_mode, 0600);
    assert_int_equal(two->port, 0);
    assert_int_equal(two->apis, MYL_API_ADMIN);
    assert_int_equal(two->x_forwarded_for.count, 1);
}

static void all_types(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    myl_config *config = NULL;
    if (config_test_load(&cx, myl_str_of(everything), &config) != MYL_OK)
        fail_msg("%.*s", MYL_FMT(cx.error.detail));
    assert_str("name", config->server_name, MYL_S("[2001:db8::1]:8448"));
    assert_str("data", config->data_dir, MYL_S("/var/lib/myelin"));
    assert_str("levels", config->log_level, MYL_S("warning,http=debug"));
    assert_str("format", config->log_format, MYL_S("json"));
    assert_int_equal(config->http_max_body, 10 << 20);
    assert_int_equal(config->http_header_timeout, 1500);
    assert_int_equal(config->http_body_timeout, 86400000);
    assert_str("version", config->rooms_default_version, MYL_S("10"));
    assert_int_equal(config->rate_login_per_second, 170);
    assert_int_equal(config->rate_login_burst, 3);
    assert_int_equal(config->rate_registration_burst, 5); /* its default */
    assert_true(config->registration_enabled);
    assert_str("secret", config->registration_shared_secret.text, MYL_S("s e c r e t"));
    assert_int_equal(config->outgoing_allow_networks.count, 2);
    myl_address address;
    assert_true(myl_address_of(MYL_S("fd12::1"), &address));
    assert_true(myl_network_has(&config->outgoing_allow_networks.items[1], &address));
    assert_str("ca", config->outgoing_ca_file, myl_strf(&cx, "%sca/own.pem", config_test_folder()));
    assert_int_equal(config->turn_uris.count, 2);
    assert_str("uri", config->turn_uris.items[1], MYL_S("turns:turn.example.org"));
    check_listeners(&cx, config);
    myl_config_end(config);
    myl_ctx_end(&cx);
}

/* What stands behind "t.yaml" in the words of a refusal. */
static myl_str words_of(const myl_ctx *cx, size_t folder_len)
{
    return myl_str_slice(cx->error.detail, folder_len + 6, SIZE_MAX);
}

static const struct {
    const char *yaml, *words; /* of the first problem */
} bad_files[] = {
    {"", ": server_name: expected in the file, as it has no default"},
    {"# nothing\n", ": server_name: expected in the file, as it has no default"},
    {"hello", ":1: expected keys and values"},
    {"[1]", ":1: expected keys and values"},
    {"server_name: a\nserver_name: b\n", ":2: server_name: expected once, given twice"},
    {"server_name: a\nlog: {level: info}\nlog: {format: text}\n",
     ":3: log: expected once, given twice"},
    {"log:\n  level: info\n  level: info\n", ":3: log.level: expected once, given twice"},
    {"server_nam: a\n",
     ":1: server_nam: unknown key; expected one that `myelin --sample-config` shows"},
    {"log:\n  colour: red\n",
     ":2: log.colour: unknown key; expected one that `myelin --sample-config` shows"},
    {"log.level: info\n", ":1: expected the name of a key, without dots"},
    {"? [a]\n: b\n", ":1: expected the name of a key, without dots"},
    {"log: info\n", ":1: log: expected a group of keys"},
    {"log: [info]\n", ":1: log: expected a group of keys"},
    {"rate:\n  login: 5\n", ":2: rate.login: expected a group of keys"},
    {"server_name: [a]\n", ":1: server_name: expected a valid server name, got a list"},
    {"server_name: {a: b}\n", ":1: server_name: expected a valid server name, got a group of keys"},
    {"server_name:\n", ":1: server_name: expected a valid server name, got nothing"},
    {"server_name: ''\n", ":1: server_name: expected a valid server name, got \"\""},
    {"server_name: a_b\n", ":1: server_name: expected a valid server name, got \"a_b\""},
    {"server_name: a:\n  b\n", NULL},
    {"server_name: 'a:99999'\n", ":1: server_name: expected a valid server name, got \"a:99999\""},
    {"server_name: 'a:-1'\n", ":1: server_name: expected a valid server name, got \"a:-1\""},
    {"server_name: '[::1'\n", ":1: server_name: expected a valid server name, got \"[::1\""},
    {"server_name: '[::1]x'\n", ":1: server_name: expected a valid server name, got \"[::1]x\""},
    {"server_name: '[1.2]'\n", ":1: server_name: expected a valid server name, got \"[1.2]\""},
    {"registration: {enabled: yes}\n",
     ":1: registration.enabled: expected true or false, got \"yes\""},
    {"registration: {enabled: \"true\"}\n",
     ":1: registration.enabled: expected true or false, got \"true\""},
    {"store: {readers: 15}\n", ":1: store.readers: expected a whole number, 16..8192, got \"15\""},
    {"store: {readers: 1e3}\n",
     ":1: store.readers: expected a whole number, 16..8192, got \"1e3\""},
    {"store: {readers: '100'}\n",
     ":1: store.readers: expected a whole number, 16..8192, got \"100\""},
    {"store: {map_size: 1P}\n", ":1: store.map_size: expected a size in bytes, or with K, M, G "
                                "or T, 16M..128T, got \"1P\""},
    {"store: {map_size: 129T}\n", ":1: store.map_size: expected a size in bytes, or with K, M, "
                                  "G or T, 16M..128T, got \"129T\""},
    {"store: {map_size: 99999999999T}\n", NULL},
    {"http: {idle_timeout: 30}\n",
     ":1: http.idle_timeout: expected a duration with its unit (ms, s, m, h, "
     "d), 100ms..1d, got \"30\""},
    {"http: {idle_timeout: 2d}\n", NULL},
    {"http: {idle_timeout: -1s}\n", NULL},
    {"rate: {login: {per_second: 0.1234}}\n",
     ":1: rate.login.per_second: expected a number with at most three decimals, "
     "0.001..1000000, got \"0.1234\""},
    {"rate: {login: {per_second: -1}}\n", NULL},
    {"rate: {login: {per_second: 1.}}\n", NULL},
    {"rate: {login: {per_second: .5}}\n", NULL},
    {"rate: {login: {per_second: 0}}\n", NULL},
    {"log: {format: xml}\n", ":1: log.format: expected one of text, json, got \"xml\""},
    {"log: {level: loud}\n", ":1: log.level: expected a valid list of log levels, got \"loud\""},
    {"rooms: {default_version: 13}\n", ":1: rooms.default_version: expected one of 1, 2, 3, 4, 5, "
                                       "6, 7, 8, 9, 10, 11, 12, got \"13\""},
    {"turn: {uris: turn:x}\n", ":1: turn.uris: expected a list of texts, got \"turn:x\""},
    {"turn: {uris: [[x]]}\n", ":1: turn.uris: expected a list of texts, got a list"},
    {"turn: {uris: ['']}\n", ":1: turn.uris: expected a list of texts, got a list"},
    {"turn: {secret: [hidden]}\n", ":1: turn.secret: expected a text"},
    {"outgoing: {allow_networks: [10.0.0.1/8]}\n",
     ":1: outgoing.allow_networks: expected a list of networks such as 10.0.0.0/8, got a list"},
    {"well_known: {client_base_url: example.org}\n",
     ":1: well_known.client_base_url: expected a valid URL, got \"example.org\""},
    {"well_known: {client_base_url: 'https://'}\n", NULL},
    {"well_known: {client_base_url: 'https:///x'}\n", NULL},
    {"well_known: {client_base_url: 'https://a b'}\n", NULL},
    {"data_dir: \"a\\0b\"\n", ":1: data_dir: expected a path, got \"a"},
    {"listeners: 5\n", ":1: listeners: expected a list of listeners, got \"5\""},
    {"listeners: [5]\n", ":1: listeners: expected a group of keys"},
    {"listeners:\n  - port: 1\n    prot: 2\n",
     ":3: listeners[0].prot: unknown key; expected one that `myelin --sample-config` shows"},
    {"listeners: [{port: 1}, {port: 70000}]\n",
     ":1: listeners[1].port: expected a whole number, 0..65535, got \"70000\""},
    {"listeners: [{port: 1, apis: [clients]}]\n",
     ":1: listeners[0].apis: expected a list of client, federation, admin, metrics, got a "
     "list"},
    {"listeners: [{port: 1, address: localhost}]\n",
     ":1: listeners[0].address: expected a valid address, got \"localhost\""},
    {"listeners: [{unix: {path: a, mode: 0990}}]\n",
     ":1: listeners[0].unix.mode: expected an octal file mode such as 0660, got \"0990\""},
    {"listeners: [{unix: {path: a, mode: 7777}}]\n", NULL},
    {"server_name: a\n---\nserver_name: b\n", ":3: expected one document, got two"},
    {"server_name: \"a\n", NULL},
    {"server_name: a\n\tb: c\n", NULL},
    {"a: b: c\n", ":1: mapping values are not allowed in this context"},
    {"server_name: *none\n", NULL},
    {"\xff\xfe\xff", NULL},
    {"server_name: a\nx: \xff\n", NULL},
};

static void refused(void **state)
{
    MYL_UNUSED(state);
    for (size_t i = 0; i < sizeof(bad_files) / sizeof(bad_files[0]); i++) {
        myl_ctx cx;
        myl_ctx_begin(&cx);
        myl_config *config = NULL;
        assert_number(bad_files[i].yaml,
                      config_test_load(&cx, myl_str_of(bad_files[i].yaml), &config),
                      MYL_BAD_CONFIG);
        assert_null(config);
        myl_str words = words_of(&cx, strlen(config_test_folder()));
        myl_str want = myl_str_of(bad_files[i].words);
        if (bad_files[i].words != NULL && !myl_str_starts(words, want))
            assert_str(bad_files[i].yaml, words, want);
        assert_true(myl_str_starts(cx.error.detail, myl_str_of(config_test_folder())));
        assert_true(words.len > 5);
        myl_ctx_end(&cx);
    }
}

/* Keys that are good alone but not together; each over a good rest. */
static void refused_together(void **state)
{
    MYL_UNUSED(state);
    static const struct {
        const char *yaml, *words;
    } cases[] = {
        {"listeners: []\n", ": listeners: expected at least one entry"},
        {"listeners: [{}]\n", ": listeners[0]: expected either port or unix.path"},
        {"listeners: [{port: 1, unix: {path: a}}]\n",
         ": listeners[0]: expected either port or unix.path"},
        {"listeners: [{port: 1}, {port: 2, tls: {certificate: a}}]\n",
         ": listeners[1]: expected tls.certificate and tls.private_key, or none of them"},
        {"listeners: [{port: 1, apis: []}]\n", ": listeners[0]: expected at least one of its apis"},
        {"passwords: {min_length: 100, max_length: 50}\n",
         ": passwords.min_length: expected at most passwords.max_length"},
        {"turn: {uris: ['turn:x']}\n", ": turn.uris: expected turn.secret beside it"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        myl_ctx cx;
        myl_ctx_begin(&cx);
        myl_config *config = NULL;
        myl_str yaml = myl_strf(&cx, "server_name: a\n%s", cases[i].yaml);
        assert_number(cases[i].yaml, config_test_load(&cx, yaml, &config), MYL_BAD_CONFIG);
        assert_str(cases[i].yaml, words_of(&cx, strlen(config_test_folder())),
                   myl_str_of(cases[i].words));
        myl_ctx_end(&cx);
    }
}

static void all_problems_at_once(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    myl_config *config = NULL;
    myl_text yaml = MYL_TEXT(&cx);
    myl_text_add(&yaml, MYL_S("log: {level: loud, format: xml}\n"));
    for (int i = 0; i < 100; i++)
        myl_text_addf(&yaml, "key%d: 1\n", i);
    assert_int_equal(config_test_load(&cx, myl_text_str(&yaml), &config), MYL_BAD_CONFIG);
    size_t lines = 1;
    for (size_t at = 0; (at = myl_str_find(cx.error.detail, '\n', at)) != SIZE_MAX; at++)
        lines++;
    assert_int_equal(lines, MYL_LIMIT_CONFIG_PROBLEMS + 1);
    assert_true(myl_str_ends(cx.error.detail, MYL_S("\nand 82 more")));
    assert_non_null(strstr(myl_cstr(&cx, cx.error.detail), "t.yaml:18: key16: unknown key"));
    myl_ctx_end(&cx);
}

static void files_that_cannot_be_read(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    myl_config *config = NULL;
    assert_int_equal(myl_config_load(&cx, "/nowhere/myelin.yaml", &config), MYL_IO_FAILED);
    assert_true(myl_str_starts(cx.error.detail, MYL_S("/nowhere/myelin.yaml: ")));
    myl_forgive(&cx);
    assert_int_equal(myl_config_load(&cx, "/tmp", &config), MYL_BAD_CONFIG);
    assert_null(config);
    myl_ctx_end(&cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(all_types),
        cmocka_unit_test(refused),
        cmocka_unit_test(refused_together),
        cmocka_unit_test(all_problems_at_once),
        cmocka_unit_test(files_that_cannot_be_read),
    };
    return cmocka_run_group_tests(tests, config_test_start, config_test_stop);
}
