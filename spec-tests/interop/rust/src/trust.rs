//! Verification by emoji: of another person in a room, of one's own device by messages between devices.
//!
//! SPDX-License-Identifier: Apache-2.0

use anyhow::{Context, Result, ensure};
use matrix_sdk::{
    RoomState,
    encryption::{
        VerificationState,
        verification::{SasVerification, VerificationRequest, VerificationRequestState},
    },
};

use crate::{
    people::Person,
    rooms::state,
    talk::read,
    wait::{so, until},
    world::World,
};

fn shown(sas: &SasVerification) -> Option<Vec<&'static str>> {
    sas.emoji().map(|emoji| emoji.iter().map(|one| one.symbol).collect())
}

/// Waits for a fact that follows from messages in a room. What those make the library send goes out with the next request of
/// its connection for encryption, which may be half a minute away; so people put the app aside and take it up again meanwhile.
async fn until_nudged<T>(what: &str, people: [&Person; 2], mut fact: impl AsyncFnMut() -> Option<T>) -> Result<T> {
    let mut turns = 0;
    until(what, async || {
        turns += 1;
        if turns % 20 == 0 {
            for person in people {
                person.sync.stop().await;
                person.sync.start().await;
            }
        }
        fact().await
    })
    .await
}

async fn by_emoji(request: VerificationRequest, asker: &Person, answerer: &Person) -> Result<()> {
    let people = [asker, answerer];
    let answer = until("the other one is asked", async || {
        let requests = answerer.requests.lock().unwrap();
        requests.iter().find(|one| one.flow_id() == request.flow_id()).cloned()
    })
    .await?;
    answer.accept().await?;
    so("the request is ready", async || request.is_ready()).await?;
    let mine = request.start_sas().await?.context("no verification by emoji")?;
    let theirs = until("the other one has started", async || match answer.state() {
        VerificationRequestState::Transitioned { verification } => verification.sas(),
        _ => None,
    })
    .await?;
    theirs.accept().await?;
    let (a, b) = until_nudged("both are shown emoji", people, async || shown(&mine).zip(shown(&theirs))).await?;
    ensure!(a == b, "they see {a:?} and {b:?}");
    mine.confirm().await?;
    theirs.confirm().await?;
    until_nudged("both are done", people, async || (mine.is_done() && theirs.is_done()).then_some(())).await
}

pub async fn each_other(world: &mut World) -> Result<()> {
    let (alice, bob) = world.both()?;
    let identity = alice.client.encryption().request_user_identity(&bob.id()).await?.context("bob has no identity")?;
    ensure!(!identity.is_verified(), "bob is verified already");
    let dm = alice.client.create_dm(&bob.id()).await?.room_id().to_owned();
    state(bob, &dm, RoomState::Invited).await?;
    bob.room(&dm).await?.join().await?;
    alice.open(&dm).await?;
    bob.open(&dm).await?;
    alice.sees(&dm, &bob.id(), "join").await?;
    by_emoji(identity.request_verification().await?, alice, bob).await?;
    for (one, other) in [(alice, bob), (bob, alice)] {
        until_nudged(&format!("{} trusts {}", one.id(), other.id()), [alice, bob], async || {
            let identity = one.client.encryption().get_user_identity(&other.id()).await.ok().flatten();
            identity.filter(|identity| identity.is_verified())
        })
        .await?;
    }
    Ok(())
}

pub async fn own_device(world: &mut World) -> Result<()> {
    let laptop = Person::log_in(&world.story, "bob", "bob's laptop").await?;
    let own = laptop.client.encryption().verification_state();
    so("the laptop is not verified", async || own.get() == VerificationState::Unverified).await?;
    let identity = laptop.client.encryption().request_user_identity(&laptop.id()).await?.context("no identity")?;
    by_emoji(identity.request_verification().await?, &laptop, world.person("bob")?).await?;
    so("the laptop is verified", async || own.get() == VerificationState::Verified).await?;

    // The phone has sent its secrets: the laptop signs for bob, and reads the history from the backup.
    let encryption = laptop.client.encryption();
    so("the secrets have come", async || encryption.cross_signing_status().await.is_some_and(|keys| keys.is_complete())).await?;
    so("the backup is in use", async || encryption.backups().are_enabled().await).await?;
    let timeline = laptop.open(&world.room("secret")?).await?;
    read(&timeline, "the treasure is under the oak").await?;
    let alice = world.person("alice")?.id();
    so("the laptop trusts alice too", async || {
        encryption.get_user_identity(&alice).await.ok().flatten().is_some_and(|identity| identity.is_verified())
    })
    .await?;
    world.add("bob's laptop", laptop);
    Ok(())
}
