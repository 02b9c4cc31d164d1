/* spool.c: texts that wait on the disk for their turn, in a file without a name.
 *
 * Why:     of a large answer only an index is kept in memory; its events are stored when all they stand on is known.
 * Callers: gather.c, batch.c.
 * Threads: one writes; several read once it has been written.
 * Holds:   the file goes with its descriptor, also when the process is killed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fed/rooms_own.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { BUFFER = 65536 };

myl_rc myl_fed_spool_open(myl_ctx *cx, fed_spool *spool)
{
    char *folder =
        myl_cstr(cx, myl_strf(cx, "%.*s/spool", MYL_FMT(myl_fed_server()->config->data_dir)));

    *spool = (fed_spool){.fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)};
    if (spool->fd < 0)
        return myl_fail(cx, MYL_IO_FAILED, "%s: no file can be made: %s", folder, strerror(errno));
    spool->buffer = myl_process_alloc(BUFFER);
    return MYL_OK;
}

void myl_fed_spool_close(fed_spool *spool)
{
    if (spool->buffer != NULL)
        close(spool->fd);
    myl_process_free(spool->buffer);
    spool->buffer = NULL;
}

static myl_rc write_all(myl_ctx *cx, fed_spool *spool, myl_str bytes)
{
    while (bytes.len > 0) {
        ssize_t put = write(spool->fd, bytes.at, bytes.len);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return myl_fail(cx, MYL_IO_FAILED, "the spool cannot be written: %s", strerror(errno));
        bytes = myl_str_slice(bytes, (size_t)put, SIZE_MAX);
        spool->written += (uint64_t)put;
    }
    return MYL_OK;
}

myl_rc myl_fed_spool_flush(myl_ctx *cx, fed_spool *spool)
{
    myl_str waiting = {spool->buffer, spool->held};

    spool->held = 0;
    return write_all(cx, spool, waiting);
}

myl_rc myl_fed_spool_add(myl_ctx *cx, fed_spool *spool, myl_str text, uint64_t *at)
{
    if (spool->held + text.len > BUFFER)
        MYL_TRY(myl_fed_spool_flush(cx, spool));
    *at = spool->written + spool->held;
    if (text.len > BUFFER)
        return write_all(cx, spool, text);
    memcpy(spool->buffer + spool->held, text.at, text.len);
    spool->held += text.len;
    return MYL_OK;
}

myl_rc myl_fed_spool_get(myl_ctx *cx, const fed_spool *spool, const fed_pdu *pdu, myl_str *out)
{
    char *text = myl_alloc(cx, pdu->len + 1);

    for (size_t got = 0; got < pdu->len;) {
        ssize_t more = pread(spool->fd, text + got, pdu->len - got, (off_t)(pdu->at + got));

        if (more < 0 && errno == EINTR)
            continue;
        if (more <= 0)
            return myl_fail(cx, MYL_IO_FAILED, "the spool cannot be read: %s", strerror(errno));
        got += (size_t)more;
    }
    *out = (myl_str){text, pdu->len};
    return MYL_OK;
}
