//! The configuration as it is written, and as it is wrong.

use super::*;
use crate::audio::codec::Codec;

pub(super) fn parse(text: &str) -> Result<Config, Vec<String>> {
    let environment = |name: &str| (name == "PASSWORD").then(|| "secret".to_owned());
    Config::parse(text, "offhook.yaml", &environment).map_err(|p| p.iter().map(ToString::to_string).collect())
}

#[test]
fn the_shipped_configuration_is_the_default() {
    let shipped = parse(include_str!("../../offhook.yaml")).expect("valid");
    let standard = Config::default();
    assert_eq!(shipped.sip.listen, standard.sip.listen);
    assert_eq!(shipped.rtp.ports, standard.rtp.ports);
    assert_eq!(shipped.plan, standard.plan);
    assert_eq!(shipped.calls.most, standard.calls.most);
}

#[test]
fn ports_for_sound_come_in_pairs() {
    for (ports, good) in [
        ("20000-20001", true),
        ("20001-20003", true),
        ("20001-20002", false),
        ("20000-20000", false),
    ] {
        assert_eq!(parse(&format!("rtp: {{ports: {ports}}}")).is_ok(), good, "{ports}");
    }
}

#[test]
fn codecs_are_spoken_in_the_order_they_are_written() {
    let codecs = |text: &str| parse(text).map(|config| config.calls.media.codecs);
    assert_eq!(codecs("calls: {}"), Ok(Codec::ALL.to_vec()));
    assert_eq!(
        codecs("calls: {codecs: [pcma, opus, pcma]}"),
        Ok(vec![Codec::Pcma, Codec::Opus])
    );
    assert!(codecs("calls: {codecs: [g729]}").is_err_and(|problems| problems.iter().any(|p| p.contains("g722"))));
    assert!(codecs("calls: {codecs: []}").is_err_and(|problems| problems[0].contains("no call")));
}

#[test]
fn encryption_is_taken_where_it_is_offered_unless_told() {
    let srtp = |text: &str| parse(text).map(|config| config.calls.media.srtp);
    assert_eq!(srtp("calls: {}"), Ok(Srtp::Offered));
    assert_eq!(srtp("calls: {srtp: required}"), Ok(Srtp::Required));
    assert_eq!(srtp("calls: {srtp: never}"), Ok(Srtp::Never));
    assert!(srtp("calls: {srtp: maybe}").is_err_and(|problems| problems[0].contains("offered")));
}

#[test]
fn what_is_taken_out_of_the_sound_is_a_wish() {
    assert_eq!(Config::default().calls.cleaning, Cleaning::default());
    let cleaning = parse("calls: {echo_canceller: true}").expect("valid").calls.cleaning;
    assert!(cleaning.echo && !cleaning.noise);
}

#[test]
fn secrets_come_from_the_environment() {
    let trunk = "sip: {trunks: [{name: t, server: sip.example, username: u, password: \"${PASSWORD}\", register: 5m}]}";
    let config = parse(trunk).expect("valid");
    assert_eq!(config.sip.trunks[0].password, "secret");
    assert_eq!(config.sip.trunks[0].register, Some(Duration::from_secs(300)));
    let problems = parse(&trunk.replace("PASSWORD", "NOWHERE")).expect_err("refused");
    assert!(problems[0].contains("`NOWHERE`"), "{problems:?}");
}

#[test]
fn all_that_is_wrong_is_told_with_its_place() {
    let problems = parse("sip:\n  listen: [ucp:1]\n  trunks: [{name: t}]\nrtp: {ports: 5}\nplam: x\ncalls: {most: 0}\nmodels: [{url: x, model: y}]\n")
        .expect_err("refused");
    for (place, words) in [
        (":2:", "nothing to listen on"),
        (":3:", "needs `server`"),
        (":4:", "no range"),
        (":5:1:", "did you mean `plan`"),
        (":6:", "from 1 to 10000"),
        (":7:", "http://"),
    ] {
        assert!(
            problems.iter().any(|p| p.contains(place) && p.contains(words)),
            "{words}: {problems:#?}"
        );
    }
}

#[test]
fn speech_servers_are_asked_in_their_order() {
    let text = "inference:\n  recognisers: [{url: \"http://127.0.0.1:8000/v1\", model: large, timeout: 1s}]\n  voices: [{url: \"http://127.0.0.1:8000/v1\", model: tts, names: {en: alloy}}]\n";
    let inference = parse(text).expect("a configuration").inference;
    assert_eq!(
        (inference.ears[0].model.as_str(), inference.ears[0].timeout),
        ("large", Duration::from_secs(1))
    );
    let (server, names) = &inference.mouths[0];
    assert_eq!((server.timeout, names[&Language::English].as_str()), (MOUTH, "alloy"));
    assert!(parse("inference: {recognisers: [{url: here, model: x}]}\n").is_err());
}

#[test]
fn sound_has_an_address_of_each_family() {
    let addresses = |text: &str| parse(text).map(|config| config.rtp.addresses);
    let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
    assert_eq!(addresses("rtp: {ports: 20000-20999}"), Ok(vec![ip("127.0.0.1")]));
    assert_eq!(addresses("rtp: {address: \"::1\"}"), Ok(vec![ip("::1")]));
    let both = "rtp: {address: [192.0.2.10, \"2001:db8::10\"]}";
    assert_eq!(addresses(both), Ok(vec![ip("192.0.2.10"), ip("2001:db8::10")]));
    for (wrong, words) in [
        ("rtp: {address: here}", "should be an IP address"),
        ("rtp: {address: []}", "no call would have sound"),
        ("rtp: {address: [192.0.2.10, 192.0.2.11]}", "two IPv4 addresses"),
        ("rtp: {address: 0.0.0.0}", "set `sip.advertised`"),
        (
            "rtp: {address: \"::\"}\nsip: {advertised: 203.0.113.7}",
            "set `sip.advertised`",
        ),
    ] {
        let problems = addresses(wrong).expect_err(wrong);
        assert!(problems.iter().any(|p| p.contains(words)), "{wrong}: {problems:?}");
    }
    assert!(addresses("rtp: {address: 0.0.0.0}\nsip: {advertised: 203.0.113.7}").is_ok());
}

#[test]
fn encryption_that_anybody_could_undo_is_cautioned() {
    let cautions = |listen: &str, srtp: &str| {
        let tls = "tls: {certificate: cert.pem, key: key.pem}";
        let text = format!("sip: {{listen: [{listen}], {tls}}}\ncalls: {{srtp: {srtp}}}");
        parse(&text).expect("valid").cautions().len()
    };
    let (udp, ws) = ("\"udp:127.0.0.1:5060\"", "\"ws:127.0.0.1:8080\"");
    assert_eq!(cautions(udp, "offered"), 0);
    assert_eq!(cautions(udp, "required"), 1);
    assert_eq!(cautions(&format!("{udp}, {ws}"), "required"), 1);
    assert_eq!(cautions(&format!("{udp}, \"tls:127.0.0.1:5061\""), "required"), 0);
    assert_eq!(cautions("\"wss:127.0.0.1:8443\"", "required"), 0);
    let open = parse("sip: {listen: [\"udp:203.0.113.1:5060\"], admit: anyone}").expect("valid");
    assert!(open.cautions()[0].contains("whoever reaches"));
}
