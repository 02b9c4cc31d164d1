/* trust.c: the authorities that certificates of other machines are checked by.
 *
 * Callers: call.c, at start.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "net/net_own.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <curl/curl.h>

static bool append_file(int fd, const char *path)
{
    char bytes[65536];
    FILE *file = fopen(path, "re");
    size_t len;
    bool good = file != NULL;

    while (good && (len = fread(bytes, 1, sizeof(bytes), file)) > 0)
        good = write(fd, bytes, len) == (ssize_t)len;
    good = good && !ferror(file) && write(fd, "\n", 1) == 1;
    if (file != NULL)
        fclose(file);
    return good;
}

myl_rc myl_net_trust_open(myl_ctx *cx, const char *ca_file, int *fd, char path[64])
{
    const char *system = curl_version_info(CURLVERSION_NOW)->cainfo;

    path[0] = '\0';
    *fd = -1;
    if (ca_file == NULL)
        return MYL_OK;
    *fd = memfd_create("authorities", MFD_CLOEXEC);
    if (*fd < 0)
        return myl_fail(cx, MYL_IO_FAILED, "outgoing.ca_file: no memory file can be made");
    if (system != NULL && access(system, R_OK) == 0 && !append_file(*fd, system))
        return myl_fail(cx, MYL_IO_FAILED, "%s cannot be read", system);
    if (!append_file(*fd, ca_file))
        return myl_fail(cx, MYL_BAD_CONFIG, "outgoing.ca_file: %s cannot be read", ca_file);
    snprintf(path, 64, "/proc/self/fd/%d", *fd);
    return MYL_OK;
}
