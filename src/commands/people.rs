//! `offhook people`

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use offhook::clock;
use offhook::config::Config;
use offhook::language::Language;
use offhook::store::Store;
use offhook::store::people::{self, Hash, Person, Role, Secret};
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;

use super::{Error, Outcome, block_on, configuration};

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// The configuration that says where accounts are kept.
    #[arg(short, long, default_value = "offhook.yaml", global = true)]
    config: PathBuf,
}

#[derive(Subcommand)]
enum Command {
    /// Let somebody sign in. Their password is asked for, or read from the first line of the input; with --openid they have none.
    ///
    /// For example: offhook people add alice --display "Alice Wang" --role agent --skills returns,billing --languages en,zh
    Add(Box<Added>),
    /// Everybody who has an account.
    List {
        /// For scripts.
        #[arg(long)]
        json: bool,
    },
    /// Give somebody another password, asked for or read from the first line of the input. Their pages are signed out.
    Password { name: String },
    /// Keep somebody from signing in, and sign them out; nothing is forgotten.
    Disable { name: String },
    /// Let somebody who was disabled sign in again.
    Enable { name: String },
    /// Forget somebody's account. Records of calls stay.
    Remove { name: String },
}

#[derive(clap::Args)]
struct Added {
    /// To sign in with: letters, digits and . - _ @
    name: String,
    /// What others see. Without it the name.
    #[arg(long)]
    display: Option<String>,
    /// What they do: agent (takes calls), supervisor (also listens and takes over), ops (runs the machine).
    #[arg(long, value_parser = role)]
    role: Role,
    /// What they are good at, in the words of the plan.
    #[arg(long, value_delimiter = ',')]
    skills: Vec<String>,
    /// What they speak: en, zh.
    #[arg(long, value_delimiter = ',', default_value = "en")]
    languages: Vec<Language>,
    /// Calls that they are given at once.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=20))]
    capacity: u32,
    /// What is rung in the place of their browser: a SIP URI, or the name of a user of `sip.users` whose phone registers here.
    #[arg(long, value_parser = phone)]
    phone: Option<String>,
    /// Ask them for a code beside the password: prints what their authenticator app is to read.
    #[arg(long)]
    totp: bool,
    /// Give them no password: the OpenID provider of `web.openid` says who they are.
    #[arg(long, conflicts_with = "totp")]
    openid: bool,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let config = configuration(&arguments.config)?;
    block_on(async {
        let store = Store::open(&config.data.join("offhook.db")).await?;
        let done = carry_out(&store, &config, &arguments.command).await;
        store.close().await;
        done.map(|()| ExitCode::SUCCESS)
    })?
}

async fn carry_out(store: &Store, config: &Config, command: &Command) -> Result<(), Error> {
    match command {
        Command::Add(added) => add(store, config, added).await,
        Command::List { json } => {
            let people = store.people().await?;
            if *json {
                println!("{}", serde_json::to_string_pretty(&people)?);
            } else if people.is_empty() {
                println!("nobody can sign in yet: `offhook people add NAME --role agent`");
            } else {
                people.iter().for_each(line);
            }
            Ok(())
        }
        Command::Password { name } => {
            let name = named(name)?;
            let known = store.credentials(&name).await?;
            known.ok_or_else(|| nobody(&name))?;
            let hash = Hash::of(password(&name)?).await?;
            told(
                store.set_password(&name, &hash).await?,
                &name,
                "has another password, and is signed out",
            )
        }
        Command::Disable { name } => {
            let name = named(name)?;
            told(
                store.disable_person(&name).await?,
                &name,
                "cannot sign in any more, and is signed out",
            )
        }
        Command::Enable { name } => {
            let name = named(name)?;
            told(store.enable_person(&name).await?, &name, "can sign in")
        }
        Command::Remove { name } => {
            let name = named(name)?;
            told(store.remove_person(&name).await?, &name, "was removed")
        }
    }
}

async fn add(store: &Store, config: &Config, added: &Added) -> Result<(), Error> {
    let name = named(&added.name)?;
    let taken = || format!("there is a `{name}` already; take another name, or `offhook people remove {name}` first");
    if store.credentials(&name).await?.is_some() {
        return Err(taken().into());
    }
    let words = |words: &[String]| -> Vec<String> {
        let words = words.iter().map(|word| word.trim().to_owned());
        words.filter(|word| !word.is_empty()).collect()
    };
    let person = Person {
        display: added.display.clone().unwrap_or_else(|| name.clone()),
        role: added.role,
        skills: words(&added.skills),
        languages: added.languages.clone(),
        capacity: added.capacity,
        phone: added.phone.clone(),
        disabled: false,
        name: name.clone(),
    };
    let hash = if added.openid {
        Hash::none()
    } else {
        Hash::of(password(&name)?).await?
    };
    let secret = added.totp.then(Secret::draw);
    if !store.add_person(&person, &hash, secret.as_ref(), clock::wall()).await? {
        return Err(taken().into());
    }
    if added.openid {
        println!("{name} can sign in by the OpenID provider");
        if config.web.as_ref().is_none_or(|web| web.openid.is_none()) {
            println!("once it is written as `web.openid` in the configuration");
        }
        return Ok(());
    }
    println!("{name} can sign in");
    if let Some(secret) = secret {
        let uri = secret.uri(&name);
        println!("\nFor the authenticator app of {name}, shown this once:\n{uri}");
        if std::io::stdout().is_terminal()
            && let Ok(code) = QrCode::new(&uri)
        {
            // For a dark terminal; apps read the reverse too.
            let mut picture = code.render::<Dense1x2>();
            picture.dark_color(Dense1x2::Light).light_color(Dense1x2::Dark);
            println!("\n{}", picture.build());
        }
    }
    Ok(())
}

/// Asked for twice on a terminal, and not shown; otherwise the first line of the input.
fn password(name: &str) -> Result<String, Error> {
    if !std::io::stdin().is_terminal() {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line)?;
        return Ok(line.trim_end_matches(['\r', '\n']).to_owned());
    }
    let least = people::password::SHORTEST;
    let password = rpassword::prompt_password(format!("Password of {name} (at least {least} characters): "))?;
    if rpassword::prompt_password("Once more: ")? != password {
        return Err("the two were not the same; nothing was changed".into());
    }
    std::io::stdout().flush()?;
    Ok(password)
}

fn line(person: &Person) {
    let languages: Vec<&str> = person.languages.iter().map(|language| language.code()).collect();
    println!(
        "{:<16} {:<24} {:<10} {:<6} {:<24} {}{}",
        person.name,
        person.display,
        person.role.name(),
        languages.join(","),
        person.skills.join(","),
        person.phone.as_deref().unwrap_or("browser"),
        if person.disabled { ", disabled" } else { "" }
    );
}

fn told(done: bool, name: &str, what: &str) -> Result<(), Error> {
    if !done {
        return Err(nobody(name));
    }
    println!("{name} {what}");
    Ok(())
}

fn nobody(name: &str) -> Error {
    format!("there is nobody named `{name}`; `offhook people list` tells who there is").into()
}

fn named(written: &str) -> Result<String, Error> {
    let name = people::name(written);
    name.ok_or_else(|| {
        format!("`{written}` is no name to sign in with; write letters, digits and . - _ @, at most 64").into()
    })
}

fn role(text: &str) -> Result<Role, String> {
    let known = Role::ALL.map(Role::name).join(", ");
    Role::named(text).ok_or_else(|| format!("write one of {known}"))
}

/// A SIP URI, or the name of a user as `sip.users` takes it.
fn phone(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte);
    let after = ["sip:", "sips:"].iter().find_map(|scheme| text.strip_prefix(scheme));
    let good = match after {
        Some(rest) => !rest.is_empty() && !rest.contains(|c: char| c.is_whitespace() || c.is_control()),
        None => !text.is_empty() && text.bytes().all(plain),
    };
    let told = "write a SIP URI such as sip:alice@192.0.2.1, or the name of a user of `sip.users`";
    good.then(|| text.to_owned()).ok_or_else(|| told.into())
}
