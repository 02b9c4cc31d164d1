//! Encrypted rooms, and keys that outlive a device.
//!
//! SPDX-License-Identifier: Apache-2.0

use anyhow::{Result, ensure};
use matrix_sdk::{
    encryption::{CrossSigningResetAuthType, VerificationState, recovery::RecoveryState},
    ruma::{
        api::client::{
            room::create_room::v3::Request,
            uiaa::{AuthData, Password, UserIdentifier},
        },
        assign,
        events::{InitialStateEvent, room::encryption::RoomEncryptionEventContent},
    },
};

use crate::{
    people::Person,
    rooms::{private, shared},
    talk::{read, say, texts},
    wait::so,
    world::{Story, World},
};

const SAID: [&str; 2] = ["the treasure is under the oak", "I bring a spade"];

fn encrypted(name: &str) -> Request {
    let content = RoomEncryptionEventContent::with_recommended_defaults();
    let state = InitialStateEvent::with_empty_state_key(content).to_raw_any();
    assign!(private(name), { initial_state: vec![state] })
}

pub async fn both_ways(world: &mut World) -> Result<()> {
    let (alice, bob) = world.both()?;
    let secret = shared(alice, bob, encrypted("Secret")).await?;
    for person in [alice, bob] {
        let place = person.room(&secret).await?;
        so("the room is known to be encrypted", async || place.encryption_state().is_encrypted()).await?;
    }
    let (hers, his) = (alice.open(&secret).await?, bob.open(&secret).await?);
    say(&hers, SAID[0]).await?;
    let seen = read(&his, SAID[0]).await?;
    ensure!(seen.encryption_info().is_some(), "the message came without encryption");
    say(&his, SAID[1]).await?;
    read(&hers, SAID[1]).await?;
    world.name_room("secret", secret);
    Ok(())
}

async fn recovery_is(person: &Person, wanted: RecoveryState) -> Result<()> {
    let recovery = person.client.encryption().recovery();
    so(&format!("{}'s recovery is {wanted:?}", person.id()), async || recovery.state() == wanted).await
}

async fn verified_is(person: &Person, wanted: VerificationState) -> Result<()> {
    let state = person.client.encryption().verification_state();
    so(&format!("{}'s device is {wanted:?}", person.id()), async || state.get() == wanted).await
}

pub async fn recovery(world: &mut World) -> Result<()> {
    let (alice, bob) = world.both()?;
    for person in [alice, bob] {
        verified_is(person, VerificationState::Verified).await?;
    }
    let key = alice.client.encryption().recovery().enable().wait_for_backups_to_upload().await?;
    recovery_is(alice, RecoveryState::Enabled).await?;
    ensure!(alice.client.encryption().backups().fetch_exists_on_server().await?, "there is no key backup");
    bob.client.encryption().recovery().enable().wait_for_backups_to_upload().await?;
    recovery_is(bob, RecoveryState::Enabled).await?;
    world.key = key;
    Ok(())
}

pub async fn recover(world: &mut World) -> Result<()> {
    let laptop = Person::log_in(&world.story, "alice", "alice's laptop").await?;
    verified_is(&laptop, VerificationState::Unverified).await?;
    recovery_is(&laptop, RecoveryState::Incomplete).await?;
    let secret = world.room("secret")?;
    let timeline = laptop.open(&secret).await?;
    so("two messages are there that nobody can read", async || {
        texts(&timeline).await.iter().filter(|text| *text == "?").count() >= 2
    })
    .await?;
    let wrong = laptop.client.encryption().recovery().recover("EsTc LW2K PGiF wKEA 3As5 g5c4 BXwk qeeJ ZJV8 Q9fu gUMN UE4d").await;
    ensure!(wrong.is_err(), "a wrong recovery key was taken");
    laptop.client.encryption().recovery().recover(&world.key).await?;
    recovery_is(&laptop, RecoveryState::Enabled).await?;
    verified_is(&laptop, VerificationState::Verified).await?;
    for text in SAID {
        read(&timeline, text).await?;
    }
    world.add("alice's laptop", laptop);
    Ok(())
}

pub async fn all_devices(world: &mut World) -> Result<()> {
    let secret = world.room("secret")?;
    let devices = ["alice", "alice's laptop", "bob", "bob's laptop"];
    for (number, device) in devices.iter().enumerate() {
        let text = format!("number {number} says {device}");
        say(&*world.person(device)?.open(&secret).await?, &text).await?;
        for reader in devices {
            read(&*world.person(reader)?.open(&secret).await?, &text).await?;
        }
    }
    Ok(())
}

/// The user's password as an answer to the server's question who it is.
pub fn password(story: &Story, person: &Person, session: Option<String>) -> AuthData {
    let user = UserIdentifier::Matrix(matrix_sdk::ruma::api::client::uiaa::MatrixUserIdentifier::new(person.id().to_string()));
    AuthData::Password(assign!(Password::new(user, story.password.clone()), { session }))
}

pub async fn reset(world: &mut World) -> Result<()> {
    let bob = world.person("bob")?;
    let before = bob.client.encryption().get_user_identity(&bob.id()).await?;
    let handle = bob.client.encryption().recovery().reset_identity().await?;
    if let Some(handle) = handle {
        let CrossSigningResetAuthType::Uiaa(info) = handle.auth_type() else { anyhow::bail!("asked for another way") };
        handle.reset(Some(password(&world.story, bob, info.session.clone()))).await?;
    }
    verified_is(bob, VerificationState::Verified).await?;
    let key = |identity: Option<matrix_sdk::encryption::identities::UserIdentity>| {
        identity.and_then(|identity| identity.master_key().get_first_key().map(|key| key.to_base64()))
    };
    let (before, alice) = (key(before), world.person("alice")?);
    let now = async || alice.client.encryption().get_user_identity(&bob.id()).await.ok().flatten();
    so("alice sees another key of bob's", async || key(now().await) != before).await?;
    so("alice sees that bob is not the one whom she verified", async || {
        now().await.is_some_and(|now| now.has_verification_violation())
    })
    .await
}
