/* seen.c: tells the store that a device was seen, some minutes apart.
 *
 * Why:     a write with each request would cost a disk sync each; and the first use of a refreshed token must reach the
 *          engine before whatever its user sends next.
 * Callers: gate.c. Threads: the loop submits; the engine runs and frees.
 * Memory:  each is a job of its own, freed after its commit. With a full queue nothing is told: it is due again later.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/http_own.h"

typedef struct {
    myl_ctx cx;
    myl_change change;
    myl_caller caller;
    myl_str address, user_agent;
} sighting;

static myl_rc run(myl_change *change)
{
    const sighting *seen = MYL_OF(change, sighting, change);

    return myl_user_seen(change->cx, &seen->caller, seen->address, seen->user_agent);
}

static void end(sighting *seen)
{
    myl_ctx cx = seen->cx; /* it lies in its own arena */

    myl_ctx_end(&cx);
}

static void done(myl_change *change, myl_rc rc)
{
    MYL_UNUSED(rc);
    end(MYL_OF(change, sighting, change));
}

void myl_http_seen(const myl_req *req, myl_engine *engine)
{
    myl_ctx cx;
    sighting *seen;

    myl_ctx_begin(&cx);
    seen = myl_new(&cx, sighting);
    seen->cx = cx;
    seen->caller = req->caller;
    seen->caller.user_id = seen->caller.device_id = MYL_ABSENT;
    seen->address = myl_keep(&seen->cx, req->address);
    seen->user_agent = myl_keep(&seen->cx, req->user_agent);
    seen->change = (myl_change){.name = "device seen", .cx = &seen->cx, .run = run, .done = done};
    if (myl_engine_submit(engine, &seen->change) != MYL_OK)
        end(seen);
}
