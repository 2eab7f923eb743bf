//! Somebody who is rung at a page: the page's feed and the page's sound, who behave as a script says.
//!
//! They know of the bot what a browser knows. A page that vanishes says no goodbye.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::diary::{Diary, Entry};
use super::phone::{BRIDGED, Part};
use super::script::{Cause, Conduct, Stage};
use super::sound::{Heard, Who, heard};
use crate::audio::codec::Codec;
use crate::audio::{FRAME_DURATION, Frame, SAMPLE_RATE};
use crate::browser;
use crate::clock;
use crate::simulate::page::{Error, Page, Told};

/// For the desk to know of who has just been sent to work, and between two questions whether it does.
const KNOWN: Duration = Duration::from_secs(5);
const AGAIN: Duration = Duration::from_millis(100);

/// Whose page it is, and where.
#[derive(Clone, Debug)]
pub struct Account {
    pub web: SocketAddr,
    pub name: String,
    pub password: String,
}

/// Plays `part` until it is `over`.
pub async fn play(part: Part, account: Account, diary: Arc<Diary>, over: CancellationToken) {
    let odd = |e: Error| diary.note(Entry::Odd(format!("the page of {}: {e}", account.name)));
    let page = tokio::select! {
        opened = open(&account) => opened,
        () = over.cancelled() => return,
    };
    let page = match page {
        Ok(page) => page,
        Err(e) => return odd(e),
    };
    let mut desk = Desk {
        part,
        page,
        call: None,
        diary: Arc::clone(&diary),
        tone: part.who.sounds(),
        ticks: 0,
    };
    let gone = tokio::select! {
        gone = desk.live() => gone,
        // Their session ends with their day at work, and the feed with it.
        () = over.cancelled() => return,
    };
    match gone {
        Ok(Cause::Killed) => drop(desk),
        Ok(Cause::Network) => {
            // The feed stays open, and nobody reads it.
            if let Some(line) = desk.call.as_ref().and_then(|call| call.line.as_ref()) {
                line.end();
            }
            over.cancelled().await;
            drop(desk);
        }
        Err(e) => odd(e),
    }
}

/// Signs in, and says that they take calls.
async fn open(account: &Account) -> Result<Page, Error> {
    let mut page = Page::sign_in(account.web, &account.name, &account.password).await?;
    page.open().await?;
    let until = clock::now() + KNOWN;
    loop {
        match page.ask("state", &json!({"state": "available"})).await {
            // The desk has not seen yet that they are here.
            Err(Error::Declined { .. }) if clock::now() < until => tokio::time::sleep(AGAIN).await,
            Err(e) => return Err(e),
            Ok(_) => return Ok(page),
        }
    }
}

struct Desk {
    part: Part,
    page: Page,
    call: Option<Call>,
    diary: Arc<Diary>,
    tone: Vec<Frame>,
    ticks: usize,
}

/// What rings at the page, or is in it.
struct Call {
    id: String,
    stage: Stage,
    /// When they do the next thing.
    due: Option<Instant>,
    line: Option<browser::Page>,
    /// The number of the command that offered it, until it is answered.
    offered: Option<u64>,
    /// Frames of the caller, one after the other.
    heard: u32,
}

impl Desk {
    /// Until they vanish.
    async fn live(&mut self) -> Result<Cause, Error> {
        let mut tick = tokio::time::interval(FRAME_DURATION);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                told = self.page.next() => self.told(told?.1).await?,
                _ = tick.tick() => {
                    self.sound();
                    if let Some(cause) = self.act().await? {
                        self.diary.note(Entry::Failed);
                        return Ok(cause);
                    }
                }
            }
        }
    }

    async fn told(&mut self, told: Told) -> Result<(), Error> {
        match told {
            Told::Message { topic, body, .. } if topic == "call" => self.shown(&body).await,
            Told::Message { topic, body, .. } if topic == "gone" => {
                if self.is_of(&body, "call") {
                    self.let_go();
                }
                Ok(())
            }
            Told::Reset { body, .. } => {
                let calls = body.get("calls").and_then(Value::as_array).cloned().unwrap_or_default();
                for call in calls {
                    self.shown(&call).await?;
                }
                Ok(())
            }
            Told::Message { .. } | Told::Resumed { .. } => Ok(()),
            Told::Answer { to, answer } => {
                self.answered(to, answer).await;
                Ok(())
            }
        }
    }

    /// A call as the page shows it now.
    async fn shown(&mut self, body: &Value) -> Result<(), Error> {
        let (Some(id), Some(stage)) = (text(body, "id"), text(body, "stage")) else {
            return Ok(());
        };
        let ours = self.call.as_ref().map(|call| (call.id == id, call.stage));
        match (ours, stage) {
            (None, "ringing") => self.rung(id.to_owned(), body).await,
            // Of the brief and after it they hear the caller, or do not: that is told by the sound.
            (Some((true, Stage::Ringing)), "brief" | "talking") => {
                self.answers();
                Ok(())
            }
            (Some((true, _)), "wrap_up") => {
                self.let_go();
                self.page.command("done", &json!({"call": id})).await.map(drop)
            }
            _ => Ok(()),
        }
    }

    async fn rung(&mut self, id: String, body: &Value) -> Result<(), Error> {
        let Part { who, conduct, pace } = self.part;
        self.diary.note(Entry::Rung(who));
        if conduct == Conduct::NeverAnswers {
            self.diary.note(Entry::Failed);
        }
        let due = (conduct != Conduct::NeverAnswers).then(|| clock::now() + pace.ring);
        let mut call = Call {
            id,
            stage: Stage::Ringing,
            due,
            line: None,
            offered: None,
            heard: 0,
        };
        if text(body, "line") != Some("wanted") {
            let line = text(body, "line").unwrap_or("nothing");
            self.diary
                .note(Entry::Odd(format!("a page that is rung is told of a line: {line}")));
        }
        let settings = browser::Settings {
            addresses: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))],
            ..browser::Settings::default()
        };
        match browser::Page::offer(Codec::Pcmu, &settings, rand::random(), clock::now).await {
            Ok((line, offer)) => {
                let with = json!({"call": call.id, "offer": offer});
                call.offered = Some(self.page.command("line", &with).await?);
                call.line = Some(line);
            }
            Err(e) => self.diary.note(Entry::Odd(format!("no offer of sound: {e}"))),
        }
        self.call = Some(call);
        Ok(())
    }

    async fn answered(&mut self, to: Option<u64>, answer: Result<Value, String>) {
        let ours = self.call.as_mut().filter(|call| call.offered == to && to.is_some());
        let Some(call) = ours else {
            if let Err(why) = answer {
                self.diary
                    .note(Entry::Odd(format!("a page is refused something: {why}")));
            }
            return;
        };
        call.offered = None;
        let answer = answer.and_then(|body| {
            let answer = text(&body, "answer").map(str::to_owned);
            answer.ok_or("an answer without a description".into())
        });
        let accepted = match (answer, &mut call.line) {
            (Ok(answer), Some(line)) => line.accept(&answer).await.map_err(|e| e.to_string()),
            (Ok(_), None) => Ok(()),
            (Err(why), _) => Err(why),
        };
        if let Err(why) = accepted {
            self.diary.note(Entry::Odd(format!("a page has no sound: {why}")));
        }
    }

    /// They have accepted, and are told what it is about.
    fn answers(&mut self) {
        let Part { who, conduct, pace } = self.part;
        self.diary.note(Entry::Answered(who));
        let Some(call) = &mut self.call else { return };
        call.stage = Stage::Brief;
        let in_brief = matches!(
            conduct,
            Conduct::Declines | Conduct::HangsUp | Conduct::Vanishes(Stage::Brief, _)
        );
        call.due = in_brief.then(|| clock::now() + pace.brief);
    }

    fn let_go(&mut self) {
        self.call = None;
        self.diary.note(Entry::LetGo(self.part.who));
    }

    /// 20 ms.
    fn sound(&mut self) {
        let now = clock::now();
        let Part { who, pace, .. } = self.part;
        let Some(call) = &mut self.call else { return };
        let Some(line) = call.line.as_mut().filter(|line| line.is_connected()) else {
            return;
        };
        let came = heard(line.tick(now).frame.samples(), SAMPLE_RATE);
        self.ticks = self.ticks.wrapping_add(1);
        // The microphone is closed while it rings.
        if let (Stage::Brief | Stage::Bridged, Some(frame)) =
            (call.stage, self.tone.get(self.ticks % self.tone.len().max(1)))
        {
            line.send(now, frame);
        }
        call.heard = match came {
            Heard::Tone(Who::Caller) => call.heard + 1,
            Heard::Tone(_) | Heard::Other | Heard::Silence => 0,
        };
        if call.stage == Stage::Brief && call.heard >= BRIDGED {
            call.stage = Stage::Bridged;
            call.due = Some(now + pace.talk);
            self.diary.note(Entry::Bridged(who));
        }
    }

    /// What is due; how they vanish, if they do.
    async fn act(&mut self) -> Result<Option<Cause>, Error> {
        let now = clock::now();
        let Part { who, conduct, .. } = self.part;
        let Some(call) = &mut self.call else { return Ok(None) };
        if call.due.take_if(|due| *due <= now).is_none() {
            return Ok(None);
        }
        let (command, entry) = match (call.stage, conduct) {
            (stage, Conduct::Vanishes(at, cause)) if stage == at => return Ok(Some(cause)),
            (Stage::Ringing, Conduct::RingsAndRefuses(_)) => ("decline", Some(Entry::Failed)),
            (Stage::Ringing, _) => ("accept", None),
            (Stage::Brief, Conduct::Declines) => ("decline", Some(Entry::Failed)),
            (Stage::Brief, _) => ("hang_up", Some(Entry::Failed)),
            (Stage::Bridged, _) => ("hang_up", Some(Entry::Finished(who))),
            (Stage::Waiting, _) => return Ok(None),
        };
        let with = json!({"call": call.id});
        if let Some(entry) = entry {
            self.diary.note(entry);
        }
        self.page.command(command, &with).await?;
        Ok(None)
    }

    fn is_of(&self, body: &Value, name: &str) -> bool {
        let id = text(body, name);
        self.call.as_ref().is_some_and(|call| Some(call.id.as_str()) == id)
    }
}

fn text<'a>(body: &'a Value, name: &str) -> Option<&'a str> {
    body.get(name)?.as_str()
}
