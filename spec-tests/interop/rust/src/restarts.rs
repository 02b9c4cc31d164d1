//! What ends and begins again: a client, the server, the position of a sync.
//!
//! SPDX-License-Identifier: Apache-2.0

use anyhow::{Result, ensure};
use matrix_sdk_ui::sync_service::State;

use crate::{
    talk::{read, say},
    wait::so,
    world::World,
};

pub async fn client(world: &mut World) -> Result<()> {
    let (kitchen, secret) = (world.room("kitchen")?, world.room("secret")?);
    let bob = world.take("bob")?;
    let known = bob.client.joined_rooms().len();
    bob.sync.stop().await;
    let alice = world.person("alice")?;
    say(&*alice.open(&kitchen).await?, "bob is away").await?;
    say(&*alice.open(&secret).await?, "bob cannot hear this").await?;
    let bob = bob.start_again(&world.story).await?;
    ensure!(bob.client.joined_rooms().len() == known, "it knows {} rooms, not {known}", bob.client.joined_rooms().len());
    read(&*bob.open(&kitchen).await?, "bob is away").await?;
    read(&*bob.open(&secret).await?, "bob cannot hear this").await?;
    say(&*bob.open(&secret).await?, "bob is back").await?;
    read(&*world.person("alice")?.open(&secret).await?, "bob is back").await?;
    world.add("bob", bob);
    Ok(())
}

pub async fn server(world: &mut World) -> Result<()> {
    let secret = world.room("secret")?;
    world.restart_server()?;
    let (alice, bob) = world.both()?;
    for person in [alice, bob] {
        let state = person.sync.state();
        so(&format!("{} syncs again", person.id()), async || matches!(state.get(), State::Running)).await?;
    }
    say(&*alice.open(&secret).await?, "after the restart").await?;
    read(&*bob.open(&secret).await?, "after the restart").await?;
    say(&*bob.open(&secret).await?, "still here").await?;
    read(&*alice.open(&secret).await?, "still here").await?;
    Ok(())
}

pub async fn position(world: &mut World) -> Result<()> {
    let secret = world.room("secret")?;
    let (alice, bob) = world.both()?;
    bob.sync.expire_sessions().await;
    say(&*alice.open(&secret).await?, "while bob starts anew").await?;
    bob.sync.start().await;
    bob.runs().await?;
    read(&*bob.open(&secret).await?, "while bob starts anew").await?;
    Ok(())
}
