//! A person at a device: a client as Element X sets it up, its sync service, and the timelines that are open.
//!
//! SPDX-License-Identifier: Apache-2.0

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use anyhow::{Context, Result, ensure};
use matrix_sdk::{
    Client, Room, ThreadingSupport,
    authentication::matrix::MatrixSession,
    encryption::{BackupDownloadStrategy, EncryptionSettings, verification::VerificationRequest},
    ruma::{
        OwnedRoomId, OwnedUserId, RoomId, UserId,
        events::{
            key::verification::request::ToDeviceKeyVerificationRequestEvent,
            room::message::{MessageType, OriginalSyncRoomMessageEvent},
        },
    },
    sliding_sync::{Version, VersionBuilder},
};
use matrix_sdk_ui::{
    Timeline,
    room_list_service::State,
    sync_service::SyncService,
    timeline::RoomExt,
};
use tokio::sync::Mutex as AsyncMutex;

use crate::{
    wait::{so, until},
    world::Story,
};

type Requests = Arc<Mutex<Vec<VerificationRequest>>>;

pub struct Person {
    pub client: Client,
    pub sync: SyncService,
    /// Who asked this device to verify them.
    pub requests: Requests,
    store: PathBuf,
    timelines: AsyncMutex<HashMap<OwnedRoomId, Arc<Timeline>>>,
}

async fn client(url: &str, store: &Path) -> Result<Client> {
    let encryption = EncryptionSettings {
        auto_enable_cross_signing: true,
        backup_download_strategy: BackupDownloadStrategy::AfterDecryptionFailure,
        auto_enable_backups: true,
    };
    let client = Client::builder()
        .homeserver_url(url)
        .sqlite_store(store, None)
        .sliding_sync_version_builder(VersionBuilder::DiscoverNative)
        .with_encryption_settings(encryption)
        .with_threading_support(ThreadingSupport::Enabled { with_subscriptions: true })
        .handle_refresh_tokens()
        .build()
        .await?;
    ensure!(matches!(client.sliding_sync_version(), Version::Native), "/versions does not offer sliding sync");
    Ok(client)
}

/// Notes every request to verify somebody, sent to the device or into a room.
fn note_requests(client: &Client) -> Requests {
    let requests = Requests::default();
    let noted = requests.clone();
    client.add_event_handler(move |event: ToDeviceKeyVerificationRequestEvent, client: Client| {
        let noted = noted.clone();
        async move {
            let flow = event.content.transaction_id;
            let found = client.encryption().get_verification_request(&event.sender, flow.as_str()).await;
            noted.lock().unwrap().extend(found);
        }
    });
    let noted = requests.clone();
    client.add_event_handler(move |event: OriginalSyncRoomMessageEvent, client: Client| {
        let noted = noted.clone();
        async move {
            if let MessageType::VerificationRequest(_) = event.content.msgtype {
                let found = client.encryption().get_verification_request(&event.sender, event.event_id.as_str()).await;
                noted.lock().unwrap().extend(found);
            }
        }
    });
    requests
}

impl Person {
    /// Logs in with a new store; returns when the room list runs.
    pub async fn log_in(story: &Story, user: &str, device: &str) -> Result<Person> {
        Self::log_in_with(story, user, device, &story.password).await
    }

    pub async fn log_in_with(story: &Story, user: &str, device: &str, password: &str) -> Result<Person> {
        let store = story.folder.join(device.replace(['\'', ' '], "_"));
        let client = client(&story.url, &store).await?;
        client
            .matrix_auth()
            .login_username(user, password)
            .initial_device_display_name(device)
            .request_refresh_token()
            .send()
            .await
            .with_context(|| format!("{device} logs in"))?;
        Self::go(client, store).await
    }

    async fn go(client: Client, store: PathBuf) -> Result<Person> {
        client.encryption().wait_for_e2ee_initialization_tasks().await;
        let requests = note_requests(&client);
        let sync = SyncService::builder(client.clone()).with_offline_mode().build().await?;
        sync.start().await;
        let person = Person { client, sync, requests, store, timelines: AsyncMutex::default() };
        person.runs().await?;
        Ok(person)
    }

    pub async fn runs(&self) -> Result<()> {
        let state = self.sync.room_list_service().state();
        so(&format!("{}'s room list runs, but is {:?}", self.id(), state.get()), async || {
            state.get() == State::Running
        })
        .await
    }

    /// Ends the client and starts another one from its store.
    pub async fn start_again(self, story: &Story) -> Result<Person> {
        let session: MatrixSession = self.client.matrix_auth().session().context("a session")?;
        self.sync.stop().await;
        let Person { client: old, sync, timelines, store, .. } = self;
        drop((timelines, sync, old));
        let client = client(&story.url, &store).await?;
        client.restore_session(session).await?;
        Self::go(client, store).await
    }

    pub fn id(&self) -> OwnedUserId {
        self.client.user_id().expect("it is logged in").to_owned()
    }

    /// The room as soon as the client knows it.
    pub async fn room(&self, room: &RoomId) -> Result<Room> {
        until(&format!("{} knows {room}", self.id()), async || self.client.get_room(room)).await
    }

    /// Opens the room: subscribes to it and has its timeline.
    pub async fn open(&self, room: &RoomId) -> Result<Arc<Timeline>> {
        let mut timelines = self.timelines.lock().await;
        if let Some(timeline) = timelines.get(room) {
            return Ok(timeline.clone());
        }
        let timeline = Arc::new(self.room(room).await?.timeline().await?);
        timelines.insert(room.to_owned(), timeline.clone());
        let open: Vec<OwnedRoomId> = timelines.keys().cloned().collect();
        let open: Vec<&RoomId> = open.iter().map(|one| &**one).collect();
        self.sync.room_list_service().subscribe_to_rooms(&open).await;
        Ok(timeline)
    }

    /// Waits until the client knows of this membership of a user.
    pub async fn sees(&self, room: &RoomId, user: &UserId, membership: &str) -> Result<()> {
        let place = self.room(room).await?;
        so(&format!("{} sees {user} {membership} in {room}", self.id()), async || {
            let member = place.get_member_no_sync(user).await.ok().flatten();
            member.is_some_and(|member| member.membership().as_str() == membership)
        })
        .await
    }
}
