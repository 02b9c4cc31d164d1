//! Threads, their subscriptions, and pinned messages.
//!
//! SPDX-License-Identifier: Apache-2.0

use anyhow::{Context, Result, ensure};
use matrix_sdk::ruma::events::room::message::RoomMessageEventContent;
use matrix_sdk_ui::{
    Timeline,
    timeline::{RoomExt, TimelineFocus},
};

use crate::{
    people::Person,
    talk::{event, read, say, texts},
    wait::{so, until},
    world::World,
};

async fn in_thread(world: &World, person: &Person) -> Result<Timeline> {
    let kitchen = world.room("kitchen")?;
    let root = read(&*person.open(&kitchen).await?, "Where is the salt?").await?.event_id().expect("an id").to_owned();
    let focus = TimelineFocus::Thread { root_event_id: root };
    Ok(person.room(&kitchen).await?.timeline_builder().with_focus(focus).build().await?)
}

pub async fn thread(world: &mut World) -> Result<()> {
    let (alice, bob) = world.both()?;
    let kitchen = world.room("kitchen")?;
    let (hers, his) = (alice.open(&kitchen).await?, bob.open(&kitchen).await?);
    let root = say(&hers, "Where is the salt?").await?;
    read(&his, "Where is the salt?").await?;
    let thread = in_thread(world, bob).await?;
    for text in ["In the cupboard", "No, on the table"] {
        thread.send(RoomMessageEventContent::text_plain(text).into()).await?;
        read(&thread, text).await?;
    }
    let wanted = ["Where is the salt?", "In the cupboard", "No, on the table"];
    so("the root shows two answers", async || {
        let root = event(&hers, "Where is the salt?").await;
        root.and_then(|root| root.content().thread_summary()).is_some_and(|summary| summary.num_replies == 2)
    })
    .await?;
    let theirs = in_thread(world, alice).await?;
    for _ in 0..10 {
        if theirs.paginate_backwards(10).await? {
            break;
        }
    }
    until("alice reads the thread", async || (texts(&theirs).await == wanted).then_some(())).await?;

    let list = alice.room(&kitchen).await?.thread_list_service();
    list.paginate().await?;
    let items = list.items();
    let found = items.iter().find(|item| item.root_event.event_id == root).context("the list lacks the thread")?;
    ensure!(found.num_replies == 2, "the list of threads counts {}", found.num_replies);
    Ok(())
}

pub async fn subscription(world: &mut World) -> Result<()> {
    let (alice, _) = world.both()?;
    let kitchen = world.room("kitchen")?;
    let root = read(&*alice.open(&kitchen).await?, "Where is the salt?").await?.event_id().expect("an id").to_owned();
    ensure!(alice.client.enabled_thread_subscriptions().await?, "/versions does not offer thread subscriptions");
    let place = alice.room(&kitchen).await?;
    place.subscribe_thread(root.clone(), None).await?;
    let kept = place.fetch_thread_subscription(root.clone()).await?;
    ensure!(kept.is_some_and(|kept| !kept.automatic), "the subscription is {kept:?}");
    place.unsubscribe_thread(root.clone()).await?;
    let kept = place.fetch_thread_subscription(root).await?;
    ensure!(kept.is_none(), "the subscription is {kept:?} after it ended");
    Ok(())
}

pub async fn pins(world: &mut World) -> Result<()> {
    let (alice, bob) = world.both()?;
    let kitchen = world.room("kitchen")?;
    let root = read(&*alice.open(&kitchen).await?, "Where is the salt?").await?.event_id().expect("an id").to_owned();
    ensure!(alice.room(&kitchen).await?.pin_event(&root).await?, "it was pinned already");
    let place = bob.room(&kitchen).await?;
    so("bob sees the pin", async || place.pinned_event_ids().is_some_and(|pins| pins.contains(&root))).await?;
    let focus = TimelineFocus::PinnedEvents;
    let pinned = place.timeline_builder().with_focus(focus).build().await?;
    read(&pinned, "Where is the salt?").await?;
    Ok(())
}
