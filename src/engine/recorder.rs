//! Recordings on their way to the disk: one thread writes for all calls.
//!
//! A call hands over 20 ms and goes on. When the disk is full or slow the recording suffers and the call does not.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use crate::audio::Frame;
use crate::audio::wav::{self, Rate};

/// Messages that may wait: 20 calls for 20 s.
const LENGTH: usize = 20_000;

enum Message {
    Begin { call: u64, path: PathBuf },
    Frames { call: u64, caller: Frame, bot: Frame },
    End { call: u64 },
}

/// Cheap to clone; the thread ends when every clone and every recording is gone.
#[derive(Clone)]
pub struct Recorder {
    messages: SyncSender<Message>,
    /// Recordings so far.
    count: Arc<AtomicU64>,
}

/// One recording; dropping it closes the file.
pub struct Recording {
    call: u64,
    path: PathBuf,
    recorder: SyncSender<Message>,
    lost: u64,
}

impl Recorder {
    pub fn start() -> std::io::Result<(Self, JoinHandle<()>)> {
        let (sender, messages) = sync_channel(LENGTH);
        let thread = std::thread::Builder::new()
            .name("recorder".into())
            .spawn(move || write(&messages))?;
        let recorder = Self {
            messages: sender,
            count: Arc::default(),
        };
        Ok((recorder, thread))
    }

    /// Records to `path`, a WAV file: the caller on the left, the bot on the right.
    pub fn record(&self, path: &Path) -> Recording {
        let call = self.count.fetch_add(1, Relaxed);
        let mut recording = Recording {
            call,
            path: path.to_owned(),
            recorder: self.messages.clone(),
            lost: 0,
        };
        recording.send(Message::Begin {
            call,
            path: path.to_owned(),
        });
        recording
    }
}

impl Recording {
    pub fn write(&mut self, caller: Frame, bot: Frame) {
        self.send(Message::Frames {
            call: self.call,
            caller,
            bot,
        });
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    fn send(&mut self, message: Message) {
        if let Err(TrySendError::Full(_)) = self.recorder.try_send(message) {
            if self.lost == 0 {
                tracing::warn!(path = %self.path.display(), "the disk is too slow: the recording has gaps");
            }
            self.lost += 1;
        }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.send(Message::End { call: self.call });
    }
}

fn write(messages: &Receiver<Message>) {
    let mut open: HashMap<u64, wav::Recording<BufWriter<File>>> = HashMap::new();
    while let Ok(message) = messages.recv() {
        match message {
            Message::Begin { call, path } => match begin(&path) {
                Ok(writer) => drop(open.insert(call, writer)),
                Err(e) => tracing::error!(path = %path.display(), "the call is not recorded: {e}"),
            },
            Message::Frames { call, caller, bot } => {
                let Some(writer) = open.get_mut(&call) else { continue };
                if let Err(e) = writer.write(&caller, &bot) {
                    tracing::error!("the recording ends here and the call goes on: {e}");
                    open.remove(&call);
                }
            }
            Message::End { call } => {
                let Some(writer) = open.remove(&call) else { continue };
                if let Err(e) = writer.finish() {
                    tracing::error!("the recording could not be closed: {e}");
                }
            }
        }
    }
}

fn begin(path: &Path) -> Result<wav::Recording<BufWriter<File>>, String> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    wav::Recording::create(path, Rate::Wide).map_err(|e| e.to_string())
}
