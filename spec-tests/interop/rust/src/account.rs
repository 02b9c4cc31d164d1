//! What belongs to the account: settings, the ignored, devices, the password, the end of a session.
//!
//! SPDX-License-Identifier: Apache-2.0

use anyhow::{Context, Result, ensure};
use matrix_sdk::{
    RoomState,
    ruma::events::AnyGlobalAccountDataEventContent,
};
use serde_json::json;

use crate::{
    people::Person,
    rooms::{private, state},
    secrets::password as by_password,
    talk::{event, read, say},
    wait::{so, until},
    world::World,
};

pub async fn settings(world: &mut World) -> Result<()> {
    let (phone, laptop) = (world.person("alice")?, world.person("alice's laptop")?);
    let raw = serde_json::from_value(json!({"tea": "green"}))?;
    phone.client.account().set_account_data_raw("test.preferences".into(), raw).await?;
    let found = until("the laptop has the setting", async || {
        laptop.client.account().account_data_raw("test.preferences".into()).await.ok().flatten()
    })
    .await?;
    let tea = found.cast_ref_unchecked::<AnyGlobalAccountDataEventContent>().get_field::<String>("tea")?;
    ensure!(tea.as_deref() == Some("green"), "the setting is {found:?}");

    let bob = world.person("bob")?;
    let dm = phone.client.create_dm(&bob.id()).await?.room_id().to_owned();
    state(laptop, &dm, RoomState::Joined).await?;
    so("the laptop knows that it is with bob", async || {
        laptop.client.get_dm_rooms(&bob.id()).any(|room| room.room_id() == dm)
    })
    .await
}

pub async fn ignored(world: &mut World) -> Result<()> {
    let (alice, bob) = world.both()?;
    let room = crate::rooms::shared(alice, bob, private("Hall")).await?;
    let hers = alice.open(&room).await?;
    alice.client.account().ignore_user(&bob.id()).await?;
    so("bob is ignored", async || alice.client.is_user_ignored(&bob.id()).await).await?;
    say(&*bob.open(&room).await?, "Do you hear me?").await?;
    say(&hers, "So quiet").await?;
    ensure!(event(&hers, "Do you hear me?").await.is_none(), "an ignored user's message is shown");
    alice.client.account().unignore_user(&bob.id()).await?;
    so("bob is heard again", async || !alice.client.is_user_ignored(&bob.id()).await).await?;
    say(&*bob.open(&room).await?, "And now?").await?;
    read(&*alice.open(&room).await?, "And now?").await?;
    Ok(())
}

pub async fn device(world: &mut World) -> Result<()> {
    let laptop = world.take("bob's laptop")?;
    let bob = world.person("bob")?;
    let id = laptop.client.device_id().context("a device")?.to_owned();
    let all = bob.client.devices().await?.devices;
    let names: Vec<_> = all.iter().filter_map(|device| device.display_name.as_deref()).collect();
    ensure!(names.contains(&"bob's laptop"), "the devices are {names:?}");

    let asked = bob.client.delete_devices(&[id.clone()], None).await.err().context("deleted without a password")?;
    let session = asked.as_uiaa_response().context("not asked for a password")?.session.clone();
    bob.client.delete_devices(&[id.clone()], Some(by_password(&world.story, bob, session))).await?;
    ensure!(!bob.client.device_exists(id.clone()).await?, "the device is still there");
    ensure!(laptop.client.whoami().await.is_err(), "the deleted device is still logged in");
    let alice = world.person("alice")?;
    so("alice no longer knows the device", async || {
        alice.client.encryption().get_device(&bob.id(), &id).await.is_ok_and(|device| device.is_none())
    })
    .await
}

pub async fn password(world: &mut World) -> Result<()> {
    let bob = world.person("bob")?;
    let asked = bob.client.account().change_password("new-pass-word-2", None).await;
    let asked = asked.err().context("changed without the old password")?;
    let session = asked.as_uiaa_response().context("not asked for the password")?.session.clone();
    let old = by_password(&world.story, bob, session);
    bob.client.account().change_password("new-pass-word-2", Some(old)).await?;
    ensure!(Person::log_in(&world.story, "bob", "bob's mistake").await.is_err(), "the old password still works");
    let tablet = Person::log_in_with(&world.story, "bob", "bob's tablet", "new-pass-word-2").await?;
    tablet.sync.stop().await;
    tablet.client.logout().await?;
    Ok(())
}

pub async fn log_out(world: &mut World) -> Result<()> {
    let laptop = world.take("alice's laptop")?;
    laptop.client.refresh_access_token().await.context("the access token is refreshed")?;
    let id = laptop.client.whoami().await?.device_id.context("a device")?;
    laptop.sync.stop().await;
    laptop.client.logout().await?;
    ensure!(laptop.client.whoami().await.is_err(), "the token still works");
    let alice = world.person("alice")?;
    ensure!(!alice.client.device_exists(id).await?, "the device is still there");
    for name in ["alice", "bob"] {
        let person = world.take(name)?;
        person.sync.stop().await;
        person.client.logout().await?;
    }
    Ok(())
}
