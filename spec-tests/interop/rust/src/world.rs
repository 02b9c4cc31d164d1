//! What the steps share: the server, the people, and the rooms by the names that the story gives them.
//!
//! SPDX-License-Identifier: Apache-2.0

use std::{
    collections::HashMap,
    io::{Write, stdin, stdout},
    path::PathBuf,
};

use anyhow::{Context, Result};
use matrix_sdk::ruma::OwnedRoomId;
use serde::Deserialize;

use crate::people::Person;

/// What the story is told with.
#[derive(Deserialize)]
pub struct Story {
    pub url: String,
    pub server: String,
    /// Where clients keep what they know.
    pub folder: PathBuf,
    pub password: String,
}

pub struct World {
    pub story: Story,
    /// The recovery key, as alice has written it down.
    pub key: String,
    people: HashMap<&'static str, Person>,
    rooms: HashMap<&'static str, OwnedRoomId>,
}

impl World {
    pub fn read() -> Result<World> {
        let mut line = String::new();
        stdin().read_line(&mut line)?;
        let story = serde_json::from_str(&line).context("the story on standard input")?;
        Ok(World { story, key: String::new(), people: HashMap::new(), rooms: HashMap::new() })
    }

    /// The person at a device: "alice", or "alice's laptop".
    pub fn person(&self, device: &str) -> Result<&Person> {
        self.people.get(device).with_context(|| format!("{device} is not there: an earlier step went wrong"))
    }

    pub fn both(&self) -> Result<(&Person, &Person)> {
        Ok((self.person("alice")?, self.person("bob")?))
    }

    pub fn add(&mut self, device: &'static str, person: Person) {
        self.people.insert(device, person);
    }

    pub fn take(&mut self, device: &str) -> Result<Person> {
        self.people.remove(device).with_context(|| format!("{device} is not there: an earlier step went wrong"))
    }

    pub fn room(&self, name: &str) -> Result<OwnedRoomId> {
        self.rooms.get(name).cloned().with_context(|| format!("no room {name}: an earlier step went wrong"))
    }

    pub fn name_room(&mut self, name: &'static str, room: OwnedRoomId) {
        self.rooms.insert(name, room);
    }

    /// Has the server restarted by who tells the story; returns when it runs again.
    pub fn restart_server(&self) -> Result<()> {
        println!("{}", serde_json::json!({"ask": "restart"}));
        stdout().flush()?;
        stdin().read_line(&mut String::new())?;
        Ok(())
    }
}
