//! One bad plan for each message: what is wrong, and that it says what would be right.

use super::*;
use crate::document::Problem;

/// Everything that a plan can have, and nothing wrong with it.
const FULL: &str = include_str!("full.yaml");

/// What is told of `FULL` with `from` replaced by `to`.
fn told(from: &str, to: &str) -> Vec<Problem> {
    assert!(FULL.contains(from), "{from}");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("full.yaml");
    std::fs::write(folder.path().join("kb.md"), "## When?\nNow.\n").expect("written");
    std::fs::write(&path, FULL.replacen(from, to, 1)).expect("written");
    match check(&path) {
        Ok(found) | Err(found) => found,
    }
}

#[test]
fn the_full_plan_is_good() {
    let found = told("version: 1", "version: 1");
    let errors: Vec<&Problem> = found.iter().filter(|p| p.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let instead = found.iter().filter(|p| p.message.contains("by this version")).count();
    assert_eq!(found.len(), instead, "{found:#?}");
}

fn table(rows: &[(&str, &str, &str)]) {
    let mut wrong = Vec::new();
    for (from, to, message) in rows {
        let found = told(from, to);
        if !found.iter().any(|problem| problem.message.contains(message)) {
            let told: Vec<String> = found.iter().map(ToString::to_string).collect();
            wrong.push(format!("{to}\n  wants: {message}\n  told: {told:#?}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        rows.len(),
        wrong.join("\n")
    );
}

#[test]
fn tools() {
    table(&[
        (
            "http: \"GET ${CRM}/orders/{order}\"",
            "http: \"FETCH ${CRM}/orders\"",
            "did you mean `PATCH`",
        ),
        (
            "http: \"GET ${CRM}/orders/{order}\"",
            "http: \"${CRM}/orders\"",
            "such as `GET https://host/path/{slot}`",
        ),
        (
            "GET ${CRM}/orders/{order}",
            "GET https://{order}.example.com/x",
            "put it behind the first `/`",
        ),
        (
            "GET ${CRM}/orders/{order}",
            "GET ${CRM}{order}",
            "put it behind the first `/`",
        ),
        (
            "GET ${CRM}/orders/{order}",
            "GET ${crm}/orders",
            "write `${NAME}` in capitals",
        ),
        (
            "GET ${CRM}/orders/{order}",
            "GET ${CRM}/../{order}",
            "no `..` in its path",
        ),
        (
            "GET ${CRM}/orders/{order}",
            "GET ftp://host/{order}",
            "begins with `https://`, `http://` or `${NAME}`",
        ),
        (
            "GET ${CRM}/orders/{order}",
            "GET ${CRM}/orders/{oder}",
            "did you mean `order`",
        ),
        (
            "/by-phone/{caller.number}",
            "/by-phone/{order}",
            "the caller has not said anything",
        ),
        (
            "effect: read, retries: 2",
            "retries: 2",
            "tool `find_order` needs `effect`",
        ),
        (
            "effect: read, retries: 2",
            "effect: reads, retries: 2",
            "did you mean `read`",
        ),
        (
            "effect: read, retries: 2",
            "effect: read, retries: 9",
            "whole number from 0 to 5",
        ),
        (
            "    idempotency: \"{call.id}/{order}\"\n",
            "",
            "write a key such as `\"{call.id}/{slot}\"`",
        ),
        (
            "idempotency: \"{call.id}/{order}\"",
            "idempotency: \"${KEY}\"",
            "no secret may be in it",
        ),
        ("    confirm: true\n", "", "write `confirm: true`, or `confirm: false`"),
        (
            "    confirm: true\n",
            "    confirm: true\n    retries: 1\n",
            "take `retries` out",
        ),
        (
            "    confirm: true\n",
            "    confirm: true\n    when: call_start\n",
            "nothing is written before the caller has spoken",
        ),
        (
            "    confirm: true\n",
            "    confirm: false\n",
            "write `confirm: true` there, or take `confirm_say` out",
        ),
        ("timeout: 800ms", "timeout: 5m", "between 100ms and 1m"),
        ("timeout: 800ms", "timeout: 800", "with its unit"),
        (
            "status: /state",
            "status: \"a..b\"",
            "write `/items/0/title` or `items.0.title`",
        ),
        ("order.age > 30", "order.agee > 30", "did you mean `order.age`"),
        (
            "sets: caller",
            "sets: call",
            "write `sets:` with a name that means nothing else",
        ),
        ("X-Api-Key:", "\"X Api\":", "write one like `X-Api-Key`"),
        ("X-Api-Key:", "Host:", "set by the program itself"),
        (
            "filler: \"One moment.\"",
            "body: {a: b}",
            "GET has no body; take `body` out",
        ),
        (
            "sms: \"Your return {return.code}.\"",
            "sms: x, http: \"GET ${CRM}/x\"",
            "one of `http`, `sms` and `email`",
        ),
        (
            "sms: \"Your return {return.code}.\"",
            "sms: x, take: {a: b}",
            "`take` belongs to `http`; take it out",
        ),
        ("email: {to: \"{mail}\", ", "email: {", "`email` needs `to`"),
        (", pii_ok: true}", "}", "write `pii_ok: true` where it may have that"),
        ("{tool: text_me}", "{tool: text_you}", "did you mean `text_me`"),
        (
            "{tool: find_order, on_error: human}",
            "{tool: find_order, on_error: humna}",
            "did you mean `human`",
        ),
    ]);
}

#[test]
fn slots() {
    table(&[
        ("type: money", "type: moneys", "did you mean `money`"),
        ("{type: phone}", "{length: 3}", "slot `number` needs `type`"),
        (
            "{type: phone}",
            "{type: phone, length: 3}",
            "has no `length`: take it out",
        ),
        (
            "{type: name, pii: true}",
            "{type: name, pii: true, dtmf: true}",
            "take `dtmf: true` out",
        ),
        (
            "min: 1, max: 500",
            "min: 500, max: 1",
            "`min` (500) is greater than `max` (1)",
        ),
        ("values: [damaged, other]", "values: [damaged]", "at least two `values`"),
        (
            "{type: phone}",
            "{type: phone, confirm: raedback}",
            "did you mean `readback`",
        ),
        (
            "must: \"within hours.desk\"",
            "must: \"within hours.desc\"",
            "did you mean `desk`",
        ),
        (
            "must: \"within hours.desk\"",
            "must: \"within reason\"",
            "write `within window` or `within hours.NAME`",
        ),
        ("must: \"within hours.desk\"", "must: \"at +\"", "or `in future`"),
        (
            "must: \"within hours.desk\"",
            "must: \"at > 3\"",
            "a comparison wants a number and gets a text",
        ),
        (
            "{type: phone}",
            "{type: phone, must: \"in future\"}",
            "is for slots of the type datetime",
        ),
        (
            "  who: {type",
            "  caller: {type",
            "stands for something else; choose another",
        ),
        (
            "{type: phone}",
            "{type: phone, queue: x}",
            "slot `number` has no `queue`",
        ),
    ]);
}

#[test]
fn steps_and_expressions() {
    table(&[
        (
            "{collect: order, ask: \"Which order?\", max: 2",
            "{collect: order, max: 2",
            "needs `ask`, and no other step",
        ),
        ("max: 2, on_fail", "max: 2, retries: 1, on_fail", "write one of them"),
        ("max: 2, on_fail", "max: 0, on_fail", "whole number from 1 to 11"),
        ("{collect: reason}", "{collect: raeson}", "did you mean `reason`"),
        (
            "caller.tier != 'vip'",
            "caller.tier != 3",
            "a text is compared with a number",
        ),
        (
            "order.age > 30",
            "ordr.age > 30",
            "nothing is known of `ordr` (did you mean `order`?)",
        ),
        ("order.age > 30", "amount > 30s", "write its unit, such as 30s"),
        ("order.age > 30", "amount", "&& and ||` wants true or false"),
        (
            "order.age > 30",
            "sentiment.negative_turn > 3",
            "did you mean `sentiment.negative_turns`",
        ),
        ("order.age > 30", "queue.car.wait > 3s", "did you mean `care`"),
        ("order.age > 30", "reason == 'damagd'", "did you mean `damaged`"),
        (
            "order.age > 30",
            "30seconds > 3",
            "a length of time such as 30s; a text stands in quotes",
        ),
        (
            "set: {amount: \"amount + 1\"}",
            "set: {amount: \"'much'\"}",
            "write a number within its bounds",
        ),
        (
            "set: {amount: \"amount + 1\"}",
            "set: {amount: reason}",
            "takes a number and gets a text",
        ),
        ("{transfer: warm}", "{transfer: wram}", "did you mean `warm`"),
        (
            "{transfer: warm}",
            "{transfer: \"sip:a@b\"}",
            "`transfer` needs `on_fail: FLOW`",
        ),
        (
            "callback: at,",
            "callback: reason,",
            "a callback needs one of the type datetime",
        ),
        (
            "number: number,",
            "number: reason,",
            "a callback needs one of the type phone",
        ),
        (
            "number: number, queue: care",
            "number: number, queue: core",
            "did you mean `care`",
        ),
        (
            "record: voice, max: 90s",
            "record: voice, max: 1h",
            "between 2s and 10m",
        ),
        ("record: voice", "record: \"my voice\"", "write letters, digits and `_`"),
        ("priority: high", "priority: hihg", "did you mean `high`"),
        ("ticket: {type: voicemail, ", "ticket: {", "`ticket` needs `type`"),
        (
            "{disposition: returned}",
            "{disposition: retruned}",
            "did you mean `returned`",
        ),
        (
            "{hangup: \"Booked.\"}]",
            "{hangup: \"Booked.\"}, {say: Hello.}]",
            "`hangup` before it never goes on; take it out",
        ),
        (
            "{say: \"How can I help?\"}",
            "{say: \"{order.stats}\"}",
            "did you mean `order.status`",
        ),
        (
            "{say: \"How can I help?\"}",
            "{say: \"{order}\", bargein: maybe}",
            "true or false",
        ),
        (
            "[{transfer: warm}]",
            "[{run_flow: human}]",
            "let it `goto_flow` instead",
        ),
    ]);
}

#[test]
fn parts() {
    table(&[
        (
            "languages: [en]",
            "languages: [en, xx]",
            "no language `xx`: en and zh are known",
        ),
        (
            "languages: [en]",
            "languages: [en, fr]",
            "its speakers are answered in `en`",
        ),
        ("languages: [en]", "languages: [fr]", "write en or zh"),
        ("languages: [en]", "languages: [en, zh]", "write {en: …, zh: …}"),
        ("mode: pause", "mode: puase", "did you mean `pause`"),
        ("silence: 450ms", "silence: 50ms", "between 200ms and 5s"),
        ("max_wait: 2s", "max_wait: 300ms", "longer than `max_wait`"),
        ("knowledge: [shop]", "knowledge: [shp]", "did you mean `shop`"),
        (
            "sources: [kb.md]",
            "sources: [kb.odt]",
            ".md, .txt, .html, .pdf, .csv, .docx",
        ),
        ("sources: [kb.md]", "sources: [\"kb/*.md\"]", "is not there"),
        ("min_score: 0.5", "min_score: 50", "from 0 to 1"),
        ("below_score: say_unknown", "below_score: huamn", "did you mean `human`"),
        ("overflow: message}", "overflow: mesage}", "did you mean `message`"),
        (", overflow: message}", "}", "queue `care` has no `overflow`"),
        ("strategy: longest_idle", "strategy: longest", "(known: longest_idle"),
        (
            "{vip: 10, default: 0}",
            "{vip: high, default: 0}",
            "whole number from 0 to 1000",
        ),
        ("hours: desk,", "hours: dsk,", "did you mean `desk`"),
        ("drop: french}", "drop: frensh}", "did you mean `french`"),
        ("{after: 60s, drop: french}", "{after: 60s}", "needs `drop`"),
        ("{after: 60s, drop: french}", "{drop: french}", "needs `after`"),
        (
            "{after: 60s, drop: french}",
            "{after: 2h, drop: french}",
            "between 1s and 1h",
        ),
        (
            "{after: 60s, drop: french}",
            "{after: 5m, drop: french}",
            "nobody waits long enough",
        ),
        (
            "{after: 60s, drop: french}",
            "{after: 60s, drop: french}, {after: 90s, drop: french}",
            "drops `french` twice",
        ),
        ("ageing: 2", "ageing: 0.5", "whole number from 0 to 1000"),
        ("ring: 15s", "ring: 1s", "between 5s and 2m"),
        ("wrap_up: 1m", "wrap_up: 2h", "between 0s and 1h"),
        ("max_length: 20", "max_length: 0", "whole number from 1 to 1000"),
        ("queue: care, mode", "queue: cares, mode", "did you mean `care`"),
        (
            "brief: [summary, reason]",
            "brief: [sumary, reason]",
            "did you mean `summary`",
        ),
        ("whisper: 8s", "whisper: 8m", "between 1s and 1m"),
        ("after: csat", "after: survey", "(known: hangup, csat)"),
        (
            "{style: short, goto_flow: human}",
            "{}",
            "write goto_flow, style, disposition or hangup",
        ),
        (
            "{style: short, goto_flow: human}",
            "{goto_flow: human, hangup: Bye.}",
            "take the other out",
        ),
        (
            "sentiment.negative_turns >= 2 ||",
            "sentiment.negative_turns >= 'two' ||",
            "a comparison wants a number",
        ),
        (
            "{never: [\"promise a refund\"]}",
            "{never: [x], when: \"caller.opts_out\"}",
            "write two policies",
        ),
        (
            "disposition: gone",
            "disposition: went",
            "no campaign has the disposition `went`",
        ),
        ("dtmf: 1-5", "dtmf: five", "such as 1-5"),
        ("route: care", "route: core", "did you mean `care`"),
        ("!resolved", "!resolvd", "did you mean `resolved`"),
        ("retention: 30d", "retention: 30m", "between 1d and 3650d"),
        (
            "{to: \"+49*\", when: \"caller.tier != 'blocked'\"}",
            "{to: \"+49*\", when: \"order == '1'\"}",
            "the caller has not said anything",
        ),
        ("correction: resume_flow", "correction: {sya: x}", "did you mean `say`"),
        (
            "use_when: \"pay a bill\"",
            "use_when: \"be called back\"",
            "say what sets them apart",
        ),
    ]);
}

#[test]
fn campaigns_and_tests() {
    table(&[
        (
            "    consent: {basis: prior_express_written, purpose: reminder, proof: consent_at}\n",
            "",
            "write on what basis people may be called",
        ),
        (
            "    dnc: {lists: [internal], opt_out: [speech, \"dtmf:9\"]}\n",
            "",
            "write who is never called",
        ),
        (
            "    window: {days: mon-sat, from: \"09:00\", to: \"20:00\", clock: contact}\n",
            "",
            "write when people may be called",
        ),
        ("    caller_id: \"+4930123456\"\n", "", "write the number that is shown"),
        ("    disclosure: \"I am a machine.\"\n", "", "must be told who calls"),
        (
            "basis: prior_express_written, purpose: reminder",
            "basis: existing_customer, purpose: marketing",
            "marketing needs `basis: prior_express_written`",
        ),
        (
            "proof: consent_at}",
            "proof: consented}",
            "is the column that shows the consent",
        ),
        ("\"dtmf:9\"", "\"dtmf:99\"", "write speech or \"dtmf:9\""),
        ("from: \"09:00\", to", "from: nine, to", "such as \"09:00\""),
        (
            "from: \"09:00\", to",
            "from: \"21:00\", to",
            "`from` should be earlier than `to`",
        ),
        ("days: mon-sat", "days: workdays", "such as mon-sat"),
        (
            "caller_id: \"+4930123456\"",
            "caller_id: acme",
            "a number that can be called back",
        ),
        (
            "calls_per_second: 1",
            "calls_per_second: 0",
            "more than 0 and at most 100",
        ),
        (
            "queue.care.wait > 30s",
            "queue.care.wait > 30",
            "write its unit, such as 30s",
        ),
        ("voice: warm_female", "voice: warm", "no voice is called `warm`"),
        ("retry_on: [busy]", "retry_on: [bussy]", "did you mean `busy`"),
        ("per_day: 1", "per_day: 50", "whole number from 1 to 5"),
        ("after_beep: message", "after_beep: massage", "did you mean `message`"),
        ("failed_rate > 0.5", "failed_rates > 0.5", "did you mean `failed_rate`"),
        ("holdout: 10%", "holdout: 10", "such as 10%"),
        (
            "assistant: mia\n    flow: pay",
            "assistant: mai\n    flow: pay",
            "did you mean `mia`",
        ),
        ("flow: pay", "flow: pya", "did you mean `pay`"),
        (
            "{flows: [welcome, return]}",
            "{flows: [welcome, retrun]}",
            "did you mean `return`",
        ),
        (
            "{tool: find_order, times: 1}",
            "{tool: find_oder, times: 1}",
            "did you mean `find_order`",
        ),
        ("{tool: find_order, times: 1}", "{times: 1}", "name the tool beside it"),
        ("{slots: {order:", "{slots: {oder:", "did you mean `order`"),
        (
            "open_return: fails",
            "open_return: failed",
            "a tool in a test `fails`, or answers with a map",
        ),
        ("{press: \"12345678\"}", "{press: \"1-2\"}", "keys are 0-9 * # A-D"),
        ("{wait: 2s}", "{wiat: 2s}", "did you mean `wait`"),
        (
            "    caller: {persona",
            "    callee: {persona",
            "`callee` has no `persona`",
        ),
        ("loss: 2%", "loss: 2", "such as 10%"),
        ("codec: pcma", "codec: opus", "(known: pcma, pcmu)"),
    ]);
}

#[test]
fn what_is_required_of_endings_is_there() {
    let required = FULL
        .replacen("disposition: auto", "disposition: required", 1)
        .replacen("      - {disposition: returned}\n", "", 1)
        .replacen("{disposition: gone, hangup", "{hangup", 1);
    let found = parse(&required, "f").expect_err("refused");
    assert!(
        found
            .iter()
            .any(|p| p.message.contains("write `{disposition: NAME}` before calls end")),
        "{found:#?}"
    );
}
