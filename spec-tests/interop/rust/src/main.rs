//! The story of two people who use the client library of Element X; each step is told by its name.
//!
//! Standard input: one line of JSON (`Story`). Standard output: lines of JSON: `{"ask": "restart"}` asks for a restart of the
//! server and waits for a line; `{"step": …, "wrong": …}` tells a step; a run that was told to its end exits with 0.
//!
//! SPDX-License-Identifier: Apache-2.0

mod account;
mod lists;
mod people;
mod reading;
mod restarts;
mod rooms;
mod secrets;
mod talk;
mod threads;
mod trust;
mod wait;
mod world;

use std::{future::Future, pin::Pin, time::Duration};

use anyhow::{Result, anyhow};
use serde_json::json;
use world::World;

const STEP_SECONDS: u64 = 120;

type Told<'a> = Pin<Box<dyn Future<Output = Result<()>> + 'a>>;
type Step = for<'a> fn(&'a mut World) -> Told<'a>;

macro_rules! steps {
    ($($name:literal => $function:path,)*) => {
        &[$(($name, |world: &mut World| -> Told<'_> { Box::pin($function(world)) })),*]
    };
}

/// In the order of the story; later steps stand on what earlier ones made.
const STEPS: &[(&str, Step)] = steps![
    "two people log in and sync" => rooms::log_in,
    "a room is made, shown, and joined after an invite" => rooms::invite,
    "messages go both ways" => talk::both_ways,
    "replies, edits, reactions and redactions are shown" => talk::changes,
    "history is read back to its start" => talk::history,
    "typing is shown" => talk::typing,
    "names change" => talk::names,
    "the list has the latest room first" => lists::order,
    "the list is filtered" => lists::filters,
    "an invite is refused and a room left and forgotten" => rooms::refuse,
    "people are kicked, banned and promoted" => rooms::moderate,
    "a public room is found, looked at and joined" => rooms::directory,
    "a space shows its rooms" => rooms::space,
    "messages are counted until they are read" => reading::counts,
    "a mention is counted apart" => reading::mentions,
    "a muted room stays silent" => reading::muted,
    "a thread has its own answers" => threads::thread,
    "a thread is subscribed to" => threads::subscription,
    "messages are pinned" => threads::pins,
    "encrypted messages go both ways" => secrets::both_ways,
    "two people verify each other by emoji in a room" => trust::each_other,
    "recovery is set up" => secrets::recovery,
    "a new device reads nothing until it recovers by the key" => secrets::recover,
    "a device is verified by another by emoji" => trust::own_device,
    "all devices read what is written after" => secrets::all_devices,
    "a notification is fetched and decrypted" => reading::notification,
    "a client starts again where it stopped" => restarts::client,
    "the server restarts below its clients" => restarts::server,
    "a forgotten position starts anew" => restarts::position,
    "settings are shared by devices" => account::settings,
    "a user is ignored" => account::ignored,
    "the identity is reset with the password" => secrets::reset,
    "a device is deleted with the password" => account::device,
    "the password changes" => account::password,
    "logging out ends the session" => account::log_out,
];

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let mut world = World::read()?;
        for (name, step) in STEPS {
            let limit = Duration::from_secs(STEP_SECONDS);
            let told = tokio::time::timeout(limit, step(&mut world)).await;
            let wrong = told.unwrap_or_else(|_| Err(anyhow!("not done in {STEP_SECONDS} s"))).err();
            println!("{}", json!({"step": name, "wrong": wrong.map(|error| format!("{error:#}"))}));
        }
        Ok(())
    })
}
