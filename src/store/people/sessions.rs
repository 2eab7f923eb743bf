//! Who is signed in.
//!
//! A browser keeps a token; here only its SHA-256 is, so that whoever reads the file signs in as nobody.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use rand::RngCore;
use sha2::{Digest, Sha256};
use sqlx::Row;

use super::{Credentials, Person, person};
use crate::store::{Error, Store, records};

/// Of one person, in as many browsers; who signs in once more is signed out where they did first.
const SESSIONS: u32 = 8;

/// 256 random bits.
#[derive(Clone, PartialEq, Eq)]
pub struct Token([u8; 32]);

impl Token {
    pub fn draw() -> Self {
        let mut bytes = [0; 32];
        rand::rng().fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// What [`Token::text`] wrote.
    pub fn read(text: &str) -> Option<Self> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        Some(Self(bytes.try_into().ok()?))
    }

    /// Letters, digits, `-` and `_`.
    pub fn text(&self) -> String {
        BASE64URL_NOPAD.encode(&self.0)
    }

    fn digest(&self) -> Vec<u8> {
        Sha256::digest(self.0).to_vec()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// A person who is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub person: Person,
    pub expires: Timestamp,
}

impl Store {
    /// Opens a session of whoever proved `credentials`. Whether they still hold: they may have been changed meanwhile.
    pub async fn sign_in(
        &self,
        credentials: &Credentials,
        token: &Token,
        at: Timestamp,
        expires: Timestamp,
    ) -> Result<bool, Error> {
        let name = credentials.person.name.as_str();
        let all = async {
            let mut all = self.pool.begin().await?;
            let opened = sqlx::query(
                "INSERT INTO sessions (token, person, began, expires) \
                 SELECT ?, name, ?, ? FROM people WHERE name = ? AND password = ? AND disabled = 0",
            )
            .bind(token.digest())
            .bind(at.as_millisecond())
            .bind(expires.as_millisecond())
            .bind(name)
            .bind(credentials.password.as_str())
            .execute(&mut *all)
            .await?;
            sqlx::query("DELETE FROM sessions WHERE expires <= ?")
                .bind(at.as_millisecond())
                .execute(&mut *all)
                .await?;
            sqlx::query(
                "DELETE FROM sessions WHERE person = ? AND token NOT IN \
                 (SELECT token FROM sessions WHERE person = ? ORDER BY began DESC, token LIMIT ?)",
            )
            .bind(name)
            .bind(name)
            .bind(SESSIONS)
            .execute(&mut *all)
            .await?;
            all.commit().await?;
            Ok(opened.rows_affected() > 0)
        };
        all.await.map_err(|e| self.wrong(e))
    }

    /// Whose `token` is, if they are signed in with it at `at`.
    pub async fn session(&self, token: &Token, at: Timestamp) -> Result<Option<Session>, Error> {
        let row = sqlx::query(
            "SELECT people.*, sessions.expires FROM sessions JOIN people ON people.name = sessions.person \
             WHERE sessions.token = ? AND sessions.expires > ? AND people.disabled = 0",
        )
        .bind(token.digest())
        .bind(at.as_millisecond())
        .fetch_optional(&self.pool)
        .await
        .map_err(|e| self.wrong(e))?;
        let read = |row: &sqlx::sqlite::SqliteRow| -> Result<Session, sqlx::Error> {
            Ok(Session {
                person: person(row)?,
                expires: records::time(row.try_get("expires")?),
            })
        };
        row.as_ref().map(read).transpose().map_err(|e| self.wrong(e))
    }

    pub async fn sign_out(&self, token: &Token) -> Result<(), Error> {
        let done = sqlx::query("DELETE FROM sessions WHERE token = ?")
            .bind(token.digest())
            .execute(&self.pool)
            .await;
        done.map(|_| ()).map_err(|e| self.wrong(e))
    }
}
