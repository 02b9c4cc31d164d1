//! Messages in the open: timelines, what changes messages, history, typing, names.
//!
//! SPDX-License-Identifier: Apache-2.0

use std::{collections::HashSet, sync::Arc};

use anyhow::{Result, ensure};
use matrix_sdk::{
    room::edit::EditedContent,
    ruma::{
        OwnedEventId,
        events::room::message::{RoomMessageEventContent, RoomMessageEventContentWithoutRelation},
    },
};
use matrix_sdk_ui::{
    Timeline,
    timeline::{EventTimelineItem, TimelineDetails, TimelineEventItemId},
};

use crate::{
    wait::{so, until},
    world::World,
};

/// The texts of a timeline in order; "?" stands for what cannot be read. The library shows an event twice that came while the
/// timeline was being opened; such a second one is left out.
pub async fn texts(timeline: &Timeline) -> Vec<String> {
    let items = timeline.items().await;
    let mut shown = HashSet::new();
    items
        .iter()
        .filter_map(|item| item.as_event())
        .filter(|event| event.event_id().is_none_or(|id| shown.insert(id)))
        .filter_map(|event| match event.content() {
            content if content.is_unable_to_decrypt() => Some("?".to_owned()),
            content => content.as_message().map(|message| message.body().to_owned()),
        })
        .collect()
}

/// The event with this text, once the server has sent it back.
pub async fn event(timeline: &Timeline, text: &str) -> Option<EventTimelineItem> {
    let items = timeline.items().await;
    let found = items.iter().filter_map(|item| item.as_event()).find(|event| {
        event.is_remote_event() && event.content().as_message().is_some_and(|message| message.body() == text)
    });
    found.cloned()
}

/// Waits until the text can be read.
pub async fn read(timeline: &Timeline, text: &str) -> Result<EventTimelineItem> {
    let who = timeline.room().own_user_id().to_owned();
    let found = until("", async || event(timeline, text).await).await;
    match found {
        Ok(found) => Ok(found),
        Err(_) => anyhow::bail!("{who} does not read \"{text}\" but {:?}", texts(timeline).await),
    }
}

/// Says it and waits until the server has sent it back; returns the event's id.
pub async fn say(timeline: &Timeline, text: &str) -> Result<OwnedEventId> {
    timeline.send(RoomMessageEventContent::text_plain(text).into()).await?;
    Ok(read(timeline, text).await?.event_id().expect("a remote event").to_owned())
}

fn id_of(item: &EventTimelineItem) -> TimelineEventItemId {
    item.identifier()
}

pub async fn both_ways(world: &mut World) -> Result<()> {
    let (alice, bob) = world.both()?;
    let kitchen = world.room("kitchen")?;
    let (hers, his) = (alice.open(&kitchen).await?, bob.open(&kitchen).await?);
    say(&hers, "What do we eat?").await?;
    let asked = read(&his, "What do we eat?").await?;
    ensure!(asked.sender() == alice.id(), "it came from {}", asked.sender());
    say(&his, "Soup").await?;
    read(&hers, "Soup").await?;
    for timeline in [&hers, &his] {
        let same = so("", async || texts(timeline).await == ["What do we eat?", "Soup"]).await;
        ensure!(same.is_ok(), "texts are {:?}", texts(timeline).await);
    }
    Ok(())
}

pub async fn changes(world: &mut World) -> Result<()> {
    let (alice, bob) = world.both()?;
    let kitchen = world.room("kitchen")?;
    let (hers, his) = (alice.open(&kitchen).await?, bob.open(&kitchen).await?);
    let question = read(&hers, "What do we eat?").await?.event_id().expect("an id").to_owned();

    his.send_reply(RoomMessageEventContentWithoutRelation::text_plain("Soup again"), question.clone()).await?;
    let reply = read(&hers, "Soup again").await?;
    let replied = reply.content().in_reply_to().map(|details| details.event_id);
    ensure!(replied.as_ref() == Some(&question), "the reply is to {replied:?}");

    let mine = read(&his, "Soup again").await?;
    let new = RoomMessageEventContentWithoutRelation::text_plain("Bread");
    his.edit(&id_of(&mine), EditedContent::RoomMessage(new)).await?;
    let edited = read(&hers, "Bread").await?;
    ensure!(edited.content().as_message().is_some_and(|message| message.is_edited()), "it is not marked as edited");

    hers.toggle_reaction(&id_of(&edited), "👍").await?;
    reacted(&his, "Bread", true).await?;
    hers.toggle_reaction(&id_of(&edited), "👍").await?;
    reacted(&his, "Bread", false).await?;

    his.redact(&id_of(&read(&his, "Bread").await?), Some("no bread")).await?;
    let gone = edited.event_id().expect("an id").to_owned();
    so("the redaction is shown", async || {
        hers.item_by_event_id(&gone).await.is_some_and(|item| item.content().is_redacted())
    })
    .await
}

async fn reacted(timeline: &Arc<Timeline>, text: &str, wanted: bool) -> Result<()> {
    so(&format!("the reaction is shown: {wanted}"), async || {
        let item = event(timeline, text).await;
        item.is_some_and(|item| item.content().reactions().is_some_and(|all| all.contains_key("👍")) == wanted)
    })
    .await
}

pub async fn history(world: &mut World) -> Result<()> {
    let (alice, bob) = world.both()?;
    let room = crate::rooms::shared(alice, bob, crate::rooms::private("Archive")).await?;
    let hers = alice.open(&room).await?;
    let wanted: Vec<String> = (0..60).map(|number| format!("page {number}")).collect();
    for text in &wanted {
        hers.send(RoomMessageEventContent::text_plain(text).into()).await?;
    }
    read(&hers, "page 59").await?;

    let his = bob.open(&room).await?;
    read(&his, "page 59").await?;
    for _ in 0..30 {
        if his.paginate_backwards(10).await? {
            break;
        }
    }
    ensure!(texts(&his).await == wanted, "the pages are {:?}", texts(&his).await);
    let items = his.items().await;
    ensure!(items.iter().any(|item| item.is_timeline_start()), "the start of the timeline is not shown");
    Ok(())
}

pub async fn typing(world: &mut World) -> Result<()> {
    let (alice, bob) = world.both()?;
    let kitchen = world.room("kitchen")?;
    let (hers, his) = (alice.room(&kitchen).await?, bob.room(&kitchen).await?);
    let (_guard, mut told) = hers.subscribe_to_typing_notifications();
    for wanted in [vec![bob.id()], vec![]] {
        his.typing_notice(!wanted.is_empty()).await?;
        until(&format!("typing are {wanted:?}"), async || told.try_recv().ok().filter(|users| *users == wanted)).await?;
    }
    Ok(())
}

pub async fn names(world: &mut World) -> Result<()> {
    let (alice, bob) = world.both()?;
    let kitchen = world.room("kitchen")?;
    bob.client.account().set_display_name(Some("Bob the Builder")).await?;
    let hers = alice.open(&kitchen).await?;
    say(&*bob.open(&kitchen).await?, "Who am I?").await?;
    read(&hers, "Who am I?").await?;
    so("the new name is shown", async || {
        let item = event(&hers, "Who am I?").await;
        item.is_some_and(|item| match item.sender_profile() {
            TimelineDetails::Ready(profile) => profile.display_name.as_deref() == Some("Bob the Builder"),
            _ => false,
        })
    })
    .await?;
    let place = alice.room(&kitchen).await?;
    place.set_name("Big kitchen".to_owned()).await?;
    let theirs = bob.room(&kitchen).await?;
    so("the room's new name", async || theirs.name().as_deref() == Some("Big kitchen")).await
}
