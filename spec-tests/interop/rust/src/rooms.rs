//! Rooms: made, shown in the list, invited to, left, found, moderated, ordered in spaces.
//!
//! SPDX-License-Identifier: Apache-2.0

use anyhow::{Context, Result, ensure};
use matrix_sdk::{
    RoomState,
    room_directory_search::RoomDirectorySearch,
    ruma::{
        OwnedRoomId, RoomId, RoomOrAliasId,
        api::client::room::{
            Visibility,
            create_room::v3::{CreationContent, Request, RoomPreset},
        },
        assign,
        room::RoomType,
        serde::Raw,
    },
};
use matrix_sdk_ui::{
    room_list_service::RoomListLoadingState,
    spaces::{SpaceService, room_list::SpaceRoomListPaginationState},
};

use crate::{
    people::Person,
    talk::{read, say},
    wait::{so, until},
    world::World,
};

pub fn private(name: &str) -> Request {
    assign!(Request::new(), { name: Some(name.to_owned()), preset: Some(RoomPreset::PrivateChat) })
}

pub async fn state(person: &Person, room: &RoomId, wanted: RoomState) -> Result<()> {
    let what = format!("{room} is {wanted:?} for {}", person.id());
    so(&what, async || person.client.get_room(room).is_some_and(|room| room.state() == wanted)).await
}

/// Has the other one invited to a new room and join it.
pub async fn shared(maker: &Person, other: &Person, request: Request) -> Result<OwnedRoomId> {
    let room = maker.client.create_room(assign!(request, { invite: vec![other.id()] })).await?.room_id().to_owned();
    state(other, &room, RoomState::Invited).await?;
    other.room(&room).await?.join().await?;
    state(other, &room, RoomState::Joined).await?;
    maker.open(&room).await?;
    maker.sees(&room, &other.id(), "join").await?;
    Ok(room)
}

pub async fn log_in(world: &mut World) -> Result<()> {
    for name in ["alice", "bob"] {
        let person = Person::log_in(&world.story, name, name).await?;
        let rooms = person.sync.room_list_service().all_rooms().await?;
        let state = rooms.loading_state();
        so("an empty list has been loaded", async || {
            state.get() == RoomListLoadingState::Loaded { maximum_number_of_rooms: Some(0) }
        })
        .await?;
        world.add(name, person);
    }
    let keys = world.person("alice")?.client.encryption().cross_signing_status().await;
    ensure!(keys.is_some_and(|keys| keys.is_complete()), "cross-signing is not set up by itself");
    Ok(())
}

pub async fn invite(world: &mut World) -> Result<()> {
    let (alice, bob) = world.both()?;
    let request = assign!(private("Kitchen"), { invite: vec![bob.id()], topic: Some("What we cook".to_owned()) });
    let room = alice.client.create_room(request).await?.room_id().to_owned();
    state(alice, &room, RoomState::Joined).await?;
    state(bob, &room, RoomState::Invited).await?;

    let invited = bob.room(&room).await?;
    so("the invite shows the room's name", async || invited.name().as_deref() == Some("Kitchen")).await?;
    let details = invited.invite_details().await?;
    ensure!(details.inviter_id == alice.id(), "invited by {}", details.inviter_id);
    ensure!(details.inviter.is_some(), "the invite does not show who invites");

    invited.join().await?;
    state(bob, &room, RoomState::Joined).await?;
    for person in [alice, bob] {
        let place = person.room(&room).await?;
        so("the room's name and topic are known", async || {
            place.name().as_deref() == Some("Kitchen") && place.topic().as_deref() == Some("What we cook")
        })
        .await?;
        so("both are counted", async || place.joined_members_count() == 2).await?;
    }
    world.name_room("kitchen", room);
    Ok(())
}

pub async fn refuse(world: &mut World) -> Result<()> {
    let (alice, bob) = world.both()?;
    let request = assign!(private("Attic"), { invite: vec![bob.id()] });
    let room = alice.client.create_room(request).await?.room_id().to_owned();
    state(bob, &room, RoomState::Invited).await?;
    bob.room(&room).await?.leave().await?;
    // The library forgets a refused invite at once; that it was left may be told after that.
    so("the invite is refused", async || bob.client.get_room(&room).is_none_or(|room| room.state() == RoomState::Left)).await?;
    alice.open(&room).await?;
    alice.sees(&room, &bob.id(), "leave").await?;

    alice.room(&room).await?.leave().await?;
    state(alice, &room, RoomState::Left).await?;
    alice.room(&room).await?.forget().await?;

    // That they left may be told once more; nobody is shown the room again.
    let kitchen = world.room("kitchen")?;
    say(&*alice.open(&kitchen).await?, "the attic is gone").await?;
    read(&*bob.open(&kitchen).await?, "the attic is gone").await?;
    for person in [alice, bob] {
        let back = person.client.get_room(&room).is_some_and(|room| room.state() != RoomState::Left);
        ensure!(!back, "the room is back for {}", person.id());
    }
    Ok(())
}

pub async fn moderate(world: &mut World) -> Result<()> {
    let (alice, bob) = world.both()?;
    let room = shared(alice, bob, private("Court")).await?;
    let place = alice.room(&room).await?;
    place.kick_user(&bob.id(), Some("cool down")).await?;
    state(bob, &room, RoomState::Left).await?;
    place.invite_user_by_id(&bob.id()).await?;
    state(bob, &room, RoomState::Invited).await?;
    bob.room(&room).await?.join().await?;
    state(bob, &room, RoomState::Joined).await?;
    place.ban_user(&bob.id(), None).await?;
    state(bob, &room, RoomState::Banned).await?;
    place.unban_user(&bob.id(), None).await?;
    state(bob, &room, RoomState::Left).await?;

    let kitchen = world.room("kitchen")?;
    let place = alice.room(&kitchen).await?;
    place.update_power_levels(vec![(&bob.id(), 50.into())]).await?;
    let theirs = bob.room(&kitchen).await?;
    let id = bob.id();
    so("bob knows that he is a moderator", async || {
        theirs.power_levels().await.is_ok_and(|levels| levels.user_can_kick(&id))
    })
    .await
}

pub async fn directory(world: &mut World) -> Result<()> {
    let (alice, bob) = world.both()?;
    let request = assign!(Request::new(), {
        name: Some("Market square".to_owned()), preset: Some(RoomPreset::PublicChat),
        room_alias_name: Some("market".to_owned()), visibility: Visibility::Public });
    let room = alice.client.create_room(request).await?.room_id().to_owned();

    let mut search = RoomDirectorySearch::new(bob.client.clone());
    search.search(Some("market".to_owned()), 20, None).await?;
    let (found, _) = search.results();
    ensure!(found.iter().any(|one| one.room_id == room), "the directory has {found:?}");

    let alias = format!("#market:{}", world.story.server);
    let preview = bob.client.get_room_preview(RoomOrAliasId::parse(&alias)?.as_ref(), vec![]).await?;
    ensure!(preview.name.as_deref() == Some("Market square"), "the preview's name is {:?}", preview.name);
    ensure!(preview.num_joined_members == 1, "the preview counts {}", preview.num_joined_members);

    bob.client.join_room_by_id_or_alias(RoomOrAliasId::parse(&alias)?.as_ref(), &[]).await?;
    state(bob, &room, RoomState::Joined).await?;
    let found = alice.client.search_users("bob", 10).await?.results;
    ensure!(found.iter().any(|one| one.user_id == bob.id()), "the search for bob found {found:?}");
    Ok(())
}

pub async fn space(world: &mut World) -> Result<()> {
    let (alice, _) = world.both()?;
    let content = assign!(CreationContent::new(), { room_type: Some(RoomType::Space) });
    let request = assign!(private("House"), { creation_content: Some(Raw::new(&content)?) });
    let space = alice.client.create_room(request).await?.room_id().to_owned();
    state(alice, &space, RoomState::Joined).await?;

    let spaces = SpaceService::new(alice.client.clone()).await;
    let kitchen = world.room("kitchen")?;
    so("the space is known as one", async || alice.client.get_room(&space).is_some_and(|room| room.is_space())).await?;
    spaces.add_child_to_space(kitchen.clone(), space.clone()).await?;
    until("the space is at the top", async || {
        spaces.top_level_joined_spaces().await.into_iter().find(|one| one.room_id == space)
    })
    .await?;

    let list = spaces.space_room_list(space.clone()).await;
    list.paginate().await?;
    ensure!(
        matches!(list.pagination_state(), SpaceRoomListPaginationState::Idle { end_reached: true }),
        "the hierarchy goes on: {:?}",
        list.pagination_state()
    );
    let rooms = list.rooms().await;
    let child = rooms.iter().find(|one| one.room_id == kitchen).context("the kitchen is not in the house")?;
    ensure!(child.num_joined_members == 2, "the kitchen has {} members", child.num_joined_members);
    Ok(())
}
