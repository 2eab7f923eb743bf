//! People who sign in: agents, supervisors and whoever runs the machine.
//!
//! A row each, with what the desk must know to give them callers. Whether somebody is there, and free, is not kept here.

pub mod password;
pub mod sessions;
pub mod totp;

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

pub use self::password::Hash;
pub use self::sessions::{Session, Token};
pub use self::totp::Secret;
use super::{Error, Store};
use crate::language::Language;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Person {
    /// What they sign in with, as [`name`] writes it.
    pub name: String,
    /// What others see.
    pub display: String,
    pub role: Role,
    pub skills: Vec<String>,
    #[serde(serialize_with = "codes")]
    pub languages: Vec<Language>,
    /// Calls that they are given at once.
    pub capacity: u32,
    /// What is rung in the place of the browser: a SIP URI, or the name of a registered user.
    pub phone: Option<String>,
    /// They cannot sign in.
    pub disabled: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Takes calls.
    Agent,
    /// Takes calls, and sees and hears those of others.
    Supervisor,
    /// Runs the machine.
    Ops,
}

impl Role {
    pub const ALL: [Role; 3] = [Role::Agent, Role::Supervisor, Role::Ops];

    pub fn name(self) -> &'static str {
        match self {
            Role::Agent => "agent",
            Role::Supervisor => "supervisor",
            Role::Ops => "ops",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Role::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// What somebody proves who they are with.
pub struct Credentials {
    pub person: Person,
    pub password: Hash,
    /// Absent: the password is enough. An OpenID provider asks for what it wants itself.
    pub totp: Option<Secret>,
}

/// Bytes of a name.
const LONGEST_NAME: usize = 64;

/// A name to sign in with: ASCII letters, digits and `. - _ @`, as small letters; `None` for anything else.
pub fn name(written: &str) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_@".contains(&byte);
    let written = written.trim();
    let good = !written.is_empty() && written.len() <= LONGEST_NAME && written.bytes().all(plain);
    good.then(|| written.to_ascii_lowercase())
}

impl Store {
    /// Whether they were added: a name is taken once.
    pub async fn add_person(
        &self,
        person: &Person,
        password: &Hash,
        totp: Option<&Secret>,
        at: Timestamp,
    ) -> Result<bool, Error> {
        let codes: Vec<&str> = person.languages.iter().map(|language| language.code()).collect();
        let done = sqlx::query(
            "INSERT OR IGNORE INTO people (name, display, role, password, totp, skills, languages, capacity, phone, disabled, added) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&person.name)
        .bind(&person.display)
        .bind(person.role.name())
        .bind(password.as_str())
        .bind(totp.map(Secret::bytes))
        .bind(serde_json::json!(person.skills).to_string())
        .bind(serde_json::json!(codes).to_string())
        .bind(person.capacity)
        .bind(&person.phone)
        .bind(person.disabled)
        .bind(at.as_millisecond())
        .execute(&self.pool)
        .await;
        Ok(done.map_err(|e| self.wrong(e))?.rows_affected() > 0)
    }

    /// All, by name.
    pub async fn people(&self) -> Result<Vec<Person>, Error> {
        let rows = sqlx::query("SELECT * FROM people ORDER BY name")
            .fetch_all(&self.pool)
            .await
            .map_err(|e| self.wrong(e))?;
        let people = rows.iter().map(person).collect::<Result<_, _>>();
        people.map_err(|e| self.wrong(e))
    }

    pub async fn credentials(&self, name: &str) -> Result<Option<Credentials>, Error> {
        let row = sqlx::query("SELECT * FROM people WHERE name = ?")
            .bind(name)
            .fetch_optional(&self.pool)
            .await
            .map_err(|e| self.wrong(e))?;
        let read = |row: &SqliteRow| -> Result<Credentials, sqlx::Error> {
            let totp: Option<Vec<u8>> = row.try_get("totp")?;
            Ok(Credentials {
                person: person(row)?,
                password: Hash::kept(row.try_get("password")?),
                totp: totp.map(Secret::kept),
            })
        };
        row.as_ref().map(read).transpose().map_err(|e| self.wrong(e))
    }

    /// Gives `name` another password and ends their sessions. Whether there is such a person.
    pub async fn set_password(&self, name: &str, password: &Hash) -> Result<bool, Error> {
        let change = sqlx::query("UPDATE people SET password = ? WHERE name = ?").bind(password.as_str());
        self.change_and_sign_out(name, change.bind(name)).await
    }

    /// Lets `name` sign in again. Whether there is such a person.
    pub async fn enable_person(&self, name: &str) -> Result<bool, Error> {
        let done = sqlx::query("UPDATE people SET disabled = 0 WHERE name = ?")
            .bind(name)
            .execute(&self.pool)
            .await;
        Ok(done.map_err(|e| self.wrong(e))?.rows_affected() > 0)
    }

    /// Keeps `name` from signing in and ends their sessions. Whether there is such a person.
    pub async fn disable_person(&self, name: &str) -> Result<bool, Error> {
        let change = sqlx::query("UPDATE people SET disabled = 1 WHERE name = ?");
        self.change_and_sign_out(name, change.bind(name)).await
    }

    /// Whether there was such a person; their sessions end.
    pub async fn remove_person(&self, name: &str) -> Result<bool, Error> {
        let change = sqlx::query("DELETE FROM people WHERE name = ?");
        self.change_and_sign_out(name, change.bind(name)).await
    }

    async fn change_and_sign_out(
        &self,
        name: &str,
        change: sqlx::query::Query<'_, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>,
    ) -> Result<bool, Error> {
        let all = async {
            let mut both = self.pool.begin().await?;
            let changed = change.execute(&mut *both).await?.rows_affected() > 0;
            sqlx::query("DELETE FROM sessions WHERE person = ?")
                .bind(name)
                .execute(&mut *both)
                .await?;
            both.commit().await?;
            Ok(changed)
        };
        all.await.map_err(|e| self.wrong(e))
    }

    /// Uses up the code of `step`, so that nobody who saw it typed can use it too (RFC 6238 section 5.2). Whether it had not been used.
    pub async fn use_code(&self, name: &str, step: u64) -> Result<bool, Error> {
        let step = i64::try_from(step).unwrap_or(i64::MAX);
        let done = sqlx::query("UPDATE people SET totp_used = ? WHERE name = ? AND totp_used < ?")
            .bind(step)
            .bind(name)
            .bind(step)
            .execute(&self.pool)
            .await;
        Ok(done.map_err(|e| self.wrong(e))?.rows_affected() > 0)
    }
}

/// Words that a later version wrote are left out; a role that is not known may do the least.
pub(super) fn person(row: &SqliteRow) -> Result<Person, sqlx::Error> {
    let list = |column| -> Result<Vec<String>, sqlx::Error> {
        let text: String = row.try_get(column)?;
        Ok(serde_json::from_str(&text).unwrap_or_default())
    };
    let role: String = row.try_get("role")?;
    Ok(Person {
        name: row.try_get("name")?,
        display: row.try_get("display")?,
        role: Role::named(&role).unwrap_or(Role::Agent),
        skills: list("skills")?,
        languages: list("languages")?.iter().filter_map(|code| code.parse().ok()).collect(),
        capacity: row.try_get("capacity")?,
        phone: row.try_get("phone")?,
        disabled: row.try_get("disabled")?,
    })
}

fn codes<S: Serializer>(languages: &[Language], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(languages.iter().map(|language| language.code()))
}

#[cfg(test)]
mod tests;
