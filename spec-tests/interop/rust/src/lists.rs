//! The list of rooms as a person sees it: its order, and its filters.
//!
//! SPDX-License-Identifier: Apache-2.0

use anyhow::{Result, ensure};
use futures_util::{FutureExt, StreamExt, pin_mut};
use matrix_sdk::ruma::OwnedRoomId;
use matrix_sdk_ui::{
    eyeball_im::Vector,
    room_list_service::{
        RoomListItem,
        filters::{BoxedFilterFn, new_filter_favourite, new_filter_fuzzy_match_room_name, new_filter_non_left},
    },
};

use crate::{
    people::Person,
    rooms::{private, shared},
    talk::{read, say},
    wait::until,
    world::World,
};

/// Waits until the first rooms of the list under this filter are these.
async fn shows(person: &Person, filter: BoxedFilterFn, wanted: &[&OwnedRoomId], exactly: bool) -> Result<()> {
    let list = person.sync.room_list_service().all_rooms().await?;
    let (stream, controller) = list.entries_with_dynamic_adapters(50);
    pin_mut!(stream);
    controller.set_filter(filter);
    let mut rooms: Vector<RoomListItem> = Vector::new();
    let done = until("", async || {
        while let Some(Some(changes)) = stream.next().now_or_never() {
            changes.into_iter().for_each(|change| change.apply(&mut rooms));
        }
        let shown: Vec<OwnedRoomId> = rooms.iter().map(|room| room.room_id().to_owned()).collect();
        let same = shown.len() >= wanted.len() && shown.iter().zip(wanted).all(|(shown, wanted)| shown == *wanted);
        (same && (!exactly || shown.len() == wanted.len())).then_some(())
    })
    .await;
    let shown: Vec<_> = rooms.iter().map(|room| (room.cached_display_name(), room.latest_event_timestamp())).collect();
    ensure!(done.is_ok(), "{}'s list does not begin with {wanted:?} but is {shown:?}", person.id());
    Ok(())
}

pub async fn order(world: &mut World) -> Result<()> {
    let (alice, bob) = world.both()?;
    let kitchen = world.room("kitchen")?;
    let garden = shared(alice, bob, private("Garden")).await?;
    let cellar = shared(alice, bob, private("Cellar")).await?;
    // The library may miss that the first message of a new room is its latest; it does not miss the second.
    for room in [&garden, &cellar] {
        say(&*alice.open(room).await?, "first").await?;
        read(&*bob.open(room).await?, "first").await?;
    }
    for first in [&garden, &kitchen, &cellar] {
        say(&*alice.open(first).await?, "up").await?;
        for person in [alice, bob] {
            shows(person, Box::new(new_filter_non_left()), &[first], false).await?;
        }
    }
    shows(bob, Box::new(new_filter_non_left()), &[&cellar, &kitchen, &garden], false).await?;
    world.name_room("garden", garden);
    world.name_room("cellar", cellar);
    Ok(())
}

pub async fn filters(world: &mut World) -> Result<()> {
    let (alice, bob) = world.both()?;
    let garden = world.room("garden")?;
    shows(alice, Box::new(new_filter_fuzzy_match_room_name("garden")), &[&garden], true).await?;
    bob.room(&garden).await?.set_is_favourite(true, Some(0.5)).await?;
    shows(bob, Box::new(new_filter_favourite()), &[&garden], true).await?;
    bob.room(&garden).await?.set_is_favourite(false, None).await?;
    shows(bob, Box::new(new_filter_favourite()), &[], true).await
}
