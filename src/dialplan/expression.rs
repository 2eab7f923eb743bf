//! Expressions: parsed and typed at load, evaluated without side effects.
//!
//! `== != < <= > >= && || ! in`, `+ - * /`, dotted names, texts in single or double quotes, numbers, `true`, `false`, lists.

use super::plan::Value;
use crate::document::{Problems, read};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    Text,
    Number,
    Boolean,
    /// A length of time; its value is a number of seconds.
    Span,
    /// Not known at load: a value from outside.
    Any,
}

impl std::fmt::Display for Type {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Type::Text => "a text",
            Type::Number => "a number",
            Type::Boolean => "true or false",
            Type::Span => "a length of time",
            Type::Any => "anything",
        })
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Expression {
    root: Node,
    source: String,
}

#[derive(Clone, Debug, PartialEq)]
enum Node {
    Literal(Value),
    /// Seconds.
    Span(f64),
    Name(String),
    List(Vec<Node>),
    Not(Box<Node>),
    Negative(Box<Node>),
    Binary(Operator, Box<Node>, Box<Node>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Or,
    And,
    Equal,
    Unequal,
    Less,
    AtMost,
    More,
    AtLeast,
    In,
    Plus,
    Minus,
    Times,
    Over,
}

/// Deeper nesting is refused: a person does not write it.
const DEEPEST: usize = 32;
/// Longer ones are refused: each sign may nest the tree by one.
const LONGEST: usize = 256;

impl Expression {
    /// Reads a node of a plan; `name` names it in messages.
    pub fn read(node: &crate::document::Node, name: &str, problems: &mut Problems) -> Option<Self> {
        let source = read::text(node, name, problems)?;
        Self::parse(&source)
            .map_err(|reason| problems.error(node.place, reason))
            .ok()
    }

    /// Parses `source`, or says what is wrong.
    pub fn parse(source: &str) -> Result<Self, String> {
        let tokens = tokens(source)?;
        if tokens.len() > LONGEST {
            return Err(format!("an expression has more than {LONGEST} words and signs"));
        }
        let mut parser = Parser {
            tokens: &tokens,
            at: 0,
            depth: 0,
        };
        let node = parser.binary(0)?;
        match parser.peek() {
            None => Ok(Self {
                root: node,
                source: source.trim().to_owned(),
            }),
            Some(token) => Err(format!("`{source}`: {token} is not expected there")),
        }
    }

    /// The type, where `name` gives the types of names (or what is wrong with one).
    pub fn check(&self, name: &impl Fn(&str) -> Result<Type, String>) -> Result<Type, String> {
        check(&self.root, name)
    }

    /// What it comes to. What has no value is [`Value::Null`].
    pub fn evaluate(&self, name: &impl Fn(&str) -> Value) -> Value {
        evaluate(&self.root, name)
    }

    /// The name, where it is nothing else.
    pub fn name(&self) -> Option<&str> {
        match &self.root {
            Node::Name(path) => Some(path),
            Node::Literal(_) | Node::Span(_) | Node::List(_) | Node::Not(_) | Node::Negative(_) | Node::Binary(..) => {
                None
            }
        }
    }

    /// Every name in it, once.
    pub fn names(&self) -> Vec<&str> {
        let mut found = Vec::new();
        names(&self.root, &mut found);
        found
    }

    /// As it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What it always comes to, where no name is in it.
    pub fn constant(&self) -> Option<Value> {
        is_constant(&self.root).then(|| self.evaluate(&|_| Value::Null))
    }

    /// The names that are compared with fixed values, and these values.
    pub fn compared(&self) -> Vec<(&str, &Value)> {
        let mut found = Vec::new();
        compared(&self.root, &mut found);
        found
    }

    /// Whether it holds.
    pub fn holds(&self, name: &impl Fn(&str) -> Value) -> bool {
        self.evaluate(name) == Value::Boolean(true)
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Value(Value),
    Span(f64),
    Name(String),
    Sign(&'static str),
}

impl std::fmt::Display for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Token::Value(value) => write!(f, "`{value}`"),
            Token::Span(seconds) => write!(f, "`{seconds}s`"),
            Token::Name(name) => write!(f, "`{name}`"),
            Token::Sign(sign) => write!(f, "`{sign}`"),
        }
    }
}

/// Longer ones first.
const SIGNS: [&str; 18] = [
    "==", "!=", "<=", ">=", "&&", "||", "<", ">", "!", "+", "-", "*", "/", "(", ")", "[", "]", ",",
];

fn tokens(source: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = source.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            tokens.push(Token::Sign(sign));
            sign.len()
        } else if first == '\'' || first == '"' {
            let end = rest[1..]
                .find(first)
                .ok_or_else(|| format!("`{source}`: a text without its closing {first}"))?;
            tokens.push(Token::Value(Value::Text(rest[1..=end].to_owned())));
            end + 2
        } else if first.is_ascii_digit() {
            let end = rest
                .find(|c: char| !c.is_ascii_digit() && c != '.')
                .unwrap_or(rest.len());
            let unit = rest[end..]
                .find(|c: char| !c.is_ascii_alphabetic())
                .unwrap_or(rest.len() - end);
            let written = &rest[..end + unit];
            tokens.push(if unit > 0 {
                let span = read::parse_duration(written).ok_or_else(|| {
                    format!("`{written}` is neither a number nor a length of time such as 30s; a text stands in quotes")
                })?;
                Token::Span(span.as_secs_f64())
            } else {
                let number = written.parse().map_err(|_| format!("`{written}` is no number"))?;
                Token::Value(Value::Number(number))
            });
            end + unit
        } else if first.is_alphabetic() || first == '_' {
            let end = rest
                .find(|c: char| !c.is_alphanumeric() && c != '_' && c != '.')
                .unwrap_or(rest.len());
            tokens.push(match &rest[..end] {
                "true" => Token::Value(Value::Boolean(true)),
                "false" => Token::Value(Value::Boolean(false)),
                "in" => Token::Sign("in"),
                name => Token::Name(name.to_owned()),
            });
            end
        } else {
            return Err(format!("`{source}`: `{first}` means nothing here"));
        };
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    depth: usize,
}

/// By rising strength.
const LEVELS: [&[(&str, Operator)]; 5] = [
    &[("||", Operator::Or)],
    &[("&&", Operator::And)],
    &[
        ("==", Operator::Equal),
        ("!=", Operator::Unequal),
        ("<=", Operator::AtMost),
        (">=", Operator::AtLeast),
        ("<", Operator::Less),
        (">", Operator::More),
        ("in", Operator::In),
    ],
    &[("+", Operator::Plus), ("-", Operator::Minus)],
    &[("*", Operator::Times), ("/", Operator::Over)],
];

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn takes(&mut self, sign: &str) -> bool {
        let there = matches!(self.peek(), Some(Token::Sign(found)) if *found == sign);
        self.at += usize::from(there);
        there
    }

    fn binary(&mut self, level: usize) -> Result<Node, String> {
        let Some(operators) = LEVELS.get(level) else {
            return self.unary();
        };
        let mut left = self.binary(level + 1)?;
        while let Some(&(_, operator)) = operators.iter().find(|(sign, _)| self.takes(sign)) {
            let right = self.binary(level + 1)?;
            left = Node::Binary(operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Node, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(format!("an expression nests deeper than {DEEPEST}"));
        }
        let node = if self.takes("!") {
            Node::Not(Box::new(self.unary()?))
        } else if self.takes("-") {
            Node::Negative(Box::new(self.unary()?))
        } else if self.takes("(") {
            let inner = self.binary(0)?;
            if !self.takes(")") {
                return Err("`(` without `)`".into());
            }
            inner
        } else if self.takes("[") {
            Node::List(self.items()?)
        } else {
            match self.peek().cloned() {
                Some(Token::Value(value)) => self.next(Node::Literal(value)),
                Some(Token::Span(seconds)) => self.next(Node::Span(seconds)),
                Some(Token::Name(name)) => self.next(Node::Name(name)),
                Some(token @ Token::Sign(_)) => return Err(format!("{token} where a value should be")),
                None => return Err("an expression ends where a value should be".into()),
            }
        };
        self.depth -= 1;
        Ok(node)
    }

    fn next(&mut self, node: Node) -> Node {
        self.at += 1;
        node
    }

    fn items(&mut self) -> Result<Vec<Node>, String> {
        let mut items = Vec::new();
        while !self.takes("]") {
            if !items.is_empty() && !self.takes(",") {
                return Err("`[` without `]`".into());
            }
            items.push(self.binary(0)?);
        }
        Ok(items)
    }
}

fn names<'a>(node: &'a Node, found: &mut Vec<&'a str>) {
    match node {
        Node::Literal(_) | Node::Span(_) => {}
        Node::Name(path) if found.contains(&path.as_str()) => {}
        Node::Name(path) => found.push(path),
        Node::List(items) => items.iter().for_each(|item| names(item, found)),
        Node::Not(inner) | Node::Negative(inner) => names(inner, found),
        Node::Binary(_, left, right) => {
            names(left, found);
            names(right, found);
        }
    }
}

fn is_constant(node: &Node) -> bool {
    match node {
        Node::Literal(_) | Node::Span(_) => true,
        Node::Name(_) => false,
        Node::List(items) => items.iter().all(is_constant),
        Node::Not(inner) | Node::Negative(inner) => is_constant(inner),
        Node::Binary(_, left, right) => is_constant(left) && is_constant(right),
    }
}

fn compared<'a>(node: &'a Node, found: &mut Vec<(&'a str, &'a Value)>) {
    match node {
        Node::Binary(Operator::Equal | Operator::Unequal | Operator::In, left, right) => {
            let pairs = match (left.as_ref(), right.as_ref()) {
                (Node::Name(name), Node::List(items)) => items.iter().map(|item| (name, item)).collect(),
                (Node::Name(name), other) | (other, Node::Name(name)) => vec![(name, other)],
                _ => Vec::new(),
            };
            found.extend(pairs.into_iter().filter_map(|(name, other)| match other {
                Node::Literal(value) => Some((name.as_str(), value)),
                Node::Name(_) | Node::Span(_) | Node::List(_) | Node::Not(_) | Node::Negative(_) | Node::Binary(..) => {
                    None
                }
            }));
        }
        Node::Binary(_, left, right) => {
            compared(left, found);
            compared(right, found);
        }
        Node::Not(inner) | Node::Negative(inner) => compared(inner, found),
        Node::Literal(_) | Node::Span(_) | Node::Name(_) | Node::List(_) => {}
    }
}

fn check(node: &Node, name: &impl Fn(&str) -> Result<Type, String>) -> Result<Type, String> {
    let want = |node: &Node, wanted: Type, operator: &str| match check(node, name)? {
        Type::Any => Ok(()),
        found if found == wanted => Ok(()),
        found => Err(format!("`{operator}` wants {} and gets {}", wanted, found)),
    };
    match node {
        Node::Literal(Value::Text(_)) => Ok(Type::Text),
        Node::Literal(Value::Number(_)) => Ok(Type::Number),
        Node::Literal(Value::Boolean(_)) => Ok(Type::Boolean),
        Node::Literal(Value::Null) => Ok(Type::Any),
        Node::Span(_) => Ok(Type::Span),
        Node::Name(path) => name(path),
        Node::List(_) => Err("a list may only stand behind `in`".into()),
        Node::Not(inner) => want(inner, Type::Boolean, "!").map(|()| Type::Boolean),
        Node::Negative(inner) => want(inner, Type::Number, "-").map(|()| Type::Number),
        Node::Binary(Operator::And | Operator::Or, left, right) => {
            want(left, Type::Boolean, "&& and ||")?;
            want(right, Type::Boolean, "&& and ||").map(|()| Type::Boolean)
        }
        Node::Binary(Operator::In, left, right) => {
            let Node::List(items) = right.as_ref() else {
                return Err("`in` wants a list: `x in ['a', 'b']`".into());
            };
            let left = check(left, name)?;
            for item in items {
                same(left, check(item, name)?)?;
            }
            Ok(Type::Boolean)
        }
        Node::Binary(Operator::Equal | Operator::Unequal, left, right) => {
            same(check(left, name)?, check(right, name)?).map(|()| Type::Boolean)
        }
        Node::Binary(Operator::Less | Operator::AtMost | Operator::More | Operator::AtLeast, left, right) => {
            let (left, right) = (check(left, name)?, check(right, name)?);
            match (left, right) {
                (Type::Span, Type::Number) | (Type::Number, Type::Span) => {
                    Err("a length of time is compared with a number; write its unit, such as 30s".into())
                }
                (Type::Span, Type::Span | Type::Any) | (Type::Any, Type::Span) => Ok(Type::Boolean),
                (found @ (Type::Text | Type::Boolean), _) | (_, found @ (Type::Text | Type::Boolean)) => Err(format!(
                    "a comparison wants a number and gets {found}; texts are compared with == and !="
                )),
                (Type::Number | Type::Any, Type::Number | Type::Any) => Ok(Type::Boolean),
            }
        }
        Node::Binary(Operator::Plus | Operator::Minus | Operator::Times | Operator::Over, left, right) => {
            want(left, Type::Number, "a calculation")?;
            want(right, Type::Number, "a calculation").map(|()| Type::Number)
        }
    }
}

fn same(left: Type, right: Type) -> Result<(), String> {
    if left == right || left == Type::Any || right == Type::Any {
        return Ok(());
    }
    Err(format!(
        "{left} is compared with {right}, which is never equal; compare it with {left}"
    ))
}

fn evaluate(node: &Node, name: &impl Fn(&str) -> Value) -> Value {
    match node {
        Node::Literal(value) => value.clone(),
        Node::Span(seconds) => Value::Number(*seconds),
        Node::Name(path) => name(path),
        Node::List(_) => Value::Null,
        Node::Not(inner) => Value::Boolean(evaluate(inner, name) != Value::Boolean(true)),
        Node::Negative(inner) => number(&evaluate(inner, name)).map_or(Value::Null, |n| Value::Number(-n)),
        Node::Binary(operator, left, right) => binary(*operator, left, right, name),
    }
}

fn binary(operator: Operator, left: &Node, right: &Node, name: &impl Fn(&str) -> Value) -> Value {
    let truth = |node: &Node| evaluate(node, name) == Value::Boolean(true);
    let compare = |wanted: fn(f64, f64) -> bool| {
        let numbers = (number(&evaluate(left, name)), number(&evaluate(right, name)));
        Value::Boolean(matches!(numbers, (Some(a), Some(b)) if wanted(a, b)))
    };
    let calculate = |result: fn(f64, f64) -> f64| match (number(&evaluate(left, name)), number(&evaluate(right, name)))
    {
        (Some(a), Some(b)) if result(a, b).is_finite() => Value::Number(result(a, b)),
        _ => Value::Null,
    };
    match operator {
        Operator::Or => Value::Boolean(truth(left) || truth(right)),
        Operator::And => Value::Boolean(truth(left) && truth(right)),
        Operator::Equal => Value::Boolean(evaluate(left, name) == evaluate(right, name)),
        Operator::Unequal => Value::Boolean(evaluate(left, name) != evaluate(right, name)),
        Operator::Less => compare(|a, b| a < b),
        Operator::AtMost => compare(|a, b| a <= b),
        Operator::More => compare(|a, b| a > b),
        Operator::AtLeast => compare(|a, b| a >= b),
        Operator::In => {
            let wanted = evaluate(left, name);
            let Node::List(items) = right else { return Value::Null };
            Value::Boolean(items.iter().any(|item| evaluate(item, name) == wanted))
        }
        Operator::Plus => calculate(|a, b| a + b),
        Operator::Minus => calculate(|a, b| a - b),
        Operator::Times => calculate(|a, b| a * b),
        Operator::Over => calculate(|a, b| a / b),
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => Some(*number),
        Value::Text(_) | Value::Boolean(_) | Value::Null => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(path: &str) -> Value {
        match path {
            "n" => Value::Number(3.0),
            "caller.tier" => Value::Text("vip".into()),
            "hours.desk.open" => Value::Boolean(false),
            _ => Value::Null,
        }
    }

    fn types(path: &str) -> Result<Type, String> {
        match path {
            "n" => Ok(Type::Number),
            "caller.tier" => Ok(Type::Any),
            "hours.desk.open" => Ok(Type::Boolean),
            "name" => Ok(Type::Text),
            other => Err(format!("no `{other}`")),
        }
    }

    #[test]
    fn evaluates_by_strength_of_operators() {
        for (source, result) in [
            ("n + 2 * 3 == 9", true),
            ("(n + 2) * 3 == 15", true),
            ("!hours.desk.open", true),
            ("n > 30 && caller.tier != 'vip'", false),
            ("n >= 3 || missing", true),
            ("caller.tier in ['gold', \"vip\"]", true),
            ("-n < 0", true),
            ("n / 0 == 1", false),
            ("missing == 1", false),
            ("caller.tier == 'vip' && n <= 3", true),
        ] {
            assert_eq!(
                Expression::parse(source).expect(source).holds(&names),
                result,
                "{source}"
            );
        }
    }

    #[test]
    fn refuses_what_does_not_parse_or_fit() {
        for wrong in [
            "",
            "n +",
            "(n",
            "n n",
            "'a",
            "n == [1]",
            "n in 3",
            "n && true",
            "n == 'x'",
            "nobody",
            "1.2.3",
            "n ? 1",
            "!n",
            "name > 3",
        ] {
            let refused = Expression::parse(wrong).and_then(|e| e.check(&types));
            assert!(refused.is_err(), "{wrong}");
        }
        assert_eq!(
            Expression::parse("n > 3 && !hours.desk.open").and_then(|e| e.check(&types)),
            Ok(Type::Boolean)
        );
        assert!(Expression::parse(&"(".repeat(10_000)).is_err());
    }

    #[test]
    fn long_chains_are_refused_before_they_are_deep() {
        assert!(Expression::parse(&"1+".repeat(100_000)).is_err());
        let chain = vec!["n == 1"; 60].join(" || ");
        assert!(Expression::parse(&chain).is_ok_and(|e| !e.holds(&names)));
    }

    #[test]
    fn tells_what_is_fixed_and_what_is_compared() {
        let parse = |source: &str| Expression::parse(source).expect(source);
        assert_eq!(parse("2 * 3").constant(), Some(Value::Number(6.0)));
        assert_eq!(parse("'x'").constant(), Some(Value::Text("x".into())));
        assert_eq!(parse("n + 1").constant(), None);
        let expression = parse("!(a == 'x') && n > 3 || 'y' != b || c in ['z', d]");
        let (x, y, z) = (
            Value::Text("x".into()),
            Value::Text("y".into()),
            Value::Text("z".into()),
        );
        assert_eq!(expression.compared(), [("a", &x), ("b", &y), ("c", &z)]);
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(source in "\\PC{0,40}|[n()!&|=<> 0-9.'\\[\\],+*/-]{0,40}") {
            if let Ok(e) = Expression::parse(&source) { let _ = e.check(&types); e.evaluate(&names); }
        }
    }
}
