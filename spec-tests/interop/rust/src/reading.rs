//! What is unread, who has read what, and what makes a noise.
//!
//! SPDX-License-Identifier: Apache-2.0

use anyhow::{Result, ensure};
use matrix_sdk::{
    Room,
    notification_settings::{IsEncrypted, IsOneToOne, RoomNotificationMode},
    ruma::{
        OwnedEventId,
        api::client::receipt::create_receipt::v3::ReceiptType,
        events::{Mentions, room::message::RoomMessageEventContent},
    },
};
use matrix_sdk_ui::{
    Timeline,
    notification_client::{NotificationClient, NotificationProcessSetup, NotificationStatus},
};
use std::sync::Arc;

use crate::{
    people::Person,
    talk::{read, say},
    wait::{so, until},
    world::World,
};

/// Waits until the server's counts and the client's own are these: (notifications, mentions).
async fn counted(room: &Room, wanted: (u64, u64)) -> Result<()> {
    let server = || {
        let counts = room.unread_notification_counts();
        (counts.notification_count, counts.highlight_count)
    };
    let own = || (room.num_unread_notifications(), room.num_unread_mentions());
    let done = so("", async || server() == wanted && own() == wanted).await;
    ensure!(done.is_ok(), "{} counts: the server {:?}, the client {:?}, not {wanted:?}", room.own_user_id(), server(), own());
    Ok(())
}

pub async fn seen(timeline: &Timeline, event: &OwnedEventId, reader: &Person) -> Result<()> {
    let id = reader.id();
    so(&format!("{id} is shown as a reader"), async || {
        timeline.latest_user_read_receipt(&id).await.is_some_and(|(read, _)| read == *event)
    })
    .await
}

pub async fn counts(world: &mut World) -> Result<()> {
    let (alice, bob) = world.both()?;
    let garden = world.room("garden")?;
    let (hers, his) = (alice.open(&garden).await?, bob.open(&garden).await?);
    let place = bob.room(&garden).await?;
    read(&his, "up").await?;
    his.mark_as_read(ReceiptType::Read).await?;
    counted(&place, (0, 0)).await?;

    say(&hers, "The apples are ripe").await?;
    let last = say(&hers, "And the pears").await?;
    read(&his, "And the pears").await?;
    counted(&place, (2, 0)).await?;
    ensure!(his.mark_as_read(ReceiptType::Read).await?, "there was nothing to mark");
    counted(&place, (0, 0)).await?;
    seen(&hers, &last, bob).await?;

    let last = say(&hers, "Nobody is told that bob reads this").await?;
    read(&his, "Nobody is told that bob reads this").await?;
    counted(&place, (1, 0)).await?;
    his.mark_as_read(ReceiptType::ReadPrivate).await?;
    counted(&place, (0, 0)).await?;
    say(&his, "I am here").await?;
    read(&hers, "I am here").await?;
    place.set_unread_flag(true).await?;
    so("the room is marked as unread", async || place.is_marked_unread()).await?;
    let (_, private) = his.latest_user_read_receipt(&bob.id()).await.map_or((None, false), |(id, _)| (Some(id), true));
    ensure!(private, "the private receipt to {last} is not known");
    Ok(())
}

async fn mention(hers: &Arc<Timeline>, who: &Person, text: &str) -> Result<()> {
    let content = RoomMessageEventContent::text_plain(text).add_mentions(Mentions::with_user_ids([who.id()]));
    hers.send(content.into()).await?;
    read(hers, text).await?;
    Ok(())
}

pub async fn mentions(world: &mut World) -> Result<()> {
    let (alice, bob) = world.both()?;
    let cellar = world.room("cellar")?;
    let (hers, his) = (alice.open(&cellar).await?, bob.open(&cellar).await?);
    read(&his, "up").await?;
    his.mark_as_read(ReceiptType::Read).await?;
    mention(&hers, bob, "bob, the wine is sour").await?;
    let place = bob.room(&cellar).await?;
    counted(&place, (1, 1)).await?;
    read(&his, "bob, the wine is sour").await?;
    his.mark_as_read(ReceiptType::Read).await?;
    counted(&place, (0, 0)).await
}

pub async fn muted(world: &mut World) -> Result<()> {
    let (alice, bob) = world.both()?;
    let cellar = world.room("cellar")?;
    let (hers, his) = (alice.open(&cellar).await?, bob.open(&cellar).await?);
    let place = bob.room(&cellar).await?;
    let settings = bob.client.notification_settings().await;

    settings.set_room_notification_mode(&cellar, RoomNotificationMode::MentionsAndKeywordsOnly).await?;
    so("the mode is known", async || {
        place.user_defined_notification_mode().await == Some(RoomNotificationMode::MentionsAndKeywordsOnly)
    })
    .await?;
    say(&hers, "drip").await?;
    mention(&hers, bob, "bob, it drips").await?;
    read(&his, "bob, it drips").await?;
    counted(&place, (1, 1)).await?;

    settings.set_room_notification_mode(&cellar, RoomNotificationMode::Mute).await?;
    his.mark_as_read(ReceiptType::Read).await?;
    counted(&place, (0, 0)).await?;
    mention(&hers, bob, "bob, it floods").await?;
    read(&his, "bob, it floods").await?;
    counted(&place, (0, 0)).await?;
    his.mark_as_read(ReceiptType::Read).await?;

    settings.unmute_room(&cellar, IsEncrypted::No, IsOneToOne::Yes).await?;
    say(&hers, "dry again").await?;
    counted(&place, (1, 0)).await?;
    settings.add_keyword("flood".to_owned()).await?;
    so("the keyword is kept", async || settings.enabled_keywords().await.contains("flood")).await?;
    say(&hers, "the next flood will come").await?;
    counted(&place, (2, 0)).await
}

/// What a phone does that was woken by a push: fetch the one event by a short sync of its own.
pub async fn notification(world: &mut World) -> Result<()> {
    let (alice, bob) = world.both()?;
    let secret = world.room("secret")?;
    let event = say(&*alice.open(&secret).await?, "wake up").await?;
    let setup = NotificationProcessSetup::SingleProcess { sync_service: Arc::new(
        matrix_sdk_ui::sync_service::SyncService::builder(bob.client.clone()).build().await?) };
    let client = NotificationClient::new(bob.client.clone(), setup).await?;
    let item = until("the notification is there", async || match client.get_notification(&secret, &event).await {
        Ok(NotificationStatus::Event(item)) => Some(item),
        _ => None,
    })
    .await?;
    ensure!(item.event.sender() == alice.id(), "it is from {}", item.event.sender());
    ensure!(item.is_room_encrypted == Some(true), "it does not know that the room is encrypted");
    let raw = format!("{:?}", item.raw_event);
    ensure!(raw.contains("wake up") || format!("{:?}", item.event).contains("wake up"), "it is not decrypted: {raw}");
    Ok(())
}
