//! Texts that are right, or nearly.

use arbitrary::{Result, Unstructured};

use super::MARKER;

/// A name as a client may write it: mostly as it is.
pub(super) fn dressed(bytes: &mut Unstructured<'_>, name: &str) -> Result<String> {
    if bytes.ratio(5, 8)? {
        return Ok(name.to_owned());
    }
    let first = name.chars().next().unwrap_or('a');
    let rest: String = name.chars().skip(1).collect();
    Ok(match bytes.int_in_range(0..=31)? {
        0 => name.to_ascii_uppercase(),
        1 => format!("%{:02x}{rest}", u32::from(first)),
        2 => format!("%{:02X}{rest}", u32::from(first)),
        3 => format!("%25{:02x}{rest}", u32::from(first)),
        4 => String::new(),
        5 => ".".to_owned(),
        6 => "..".to_owned(),
        7 => "%2e%2E".to_owned(),
        8 => format!("{name};v=1"),
        9 => format!("{name}%zz"),
        10 => format!("{name}%f"),
        11 => format!("{name}%ff"),
        12 => format!("{name}%00"),
        13 => format!("{name}+b"),
        14 => format!("{name}%2Fb"),
        15 => format!("{name}%252Fb"),
        16 => format!("\"{name}\""),
        17 => format!("{name},{name}"),
        18 => format!(" \t{name} "),
        19 => format!("{name}-"),
        20 => format!("_{name}"),
        21 => "a".repeat(63),
        22 => "a".repeat(64),
        23 => "a".repeat(128),
        24 => "a".repeat(129),
        25 => format!("{name}é"),
        26 => format!("{MARKER}!"),
        27 => format!("{first}{}", rest.to_ascii_uppercase()),
        28 => "www".to_owned(),
        29 => format!("{name}="),
        30 => " ".to_owned(),
        _ => soup(bytes)?,
    })
}

/// Text without structure.
pub(super) fn soup(bytes: &mut Unstructured<'_>) -> Result<String> {
    let count = bytes.int_in_range(0..=12)?;
    Ok(String::from_utf8_lossy(bytes.bytes(count.min(bytes.len()))?).into_owned())
}

/// An authority that names `label` under the base domain, or `domain`, or is hostile.
pub(super) fn authority(bytes: &mut Unstructured<'_>, base: &str, label: &str, domain: &str) -> Result<String> {
    let label = if bytes.ratio(1, 2)? {
        label.to_owned()
    } else {
        dressed(bytes, label)?
    };
    if bytes.ratio(1, 2)? {
        return Ok(match bytes.int_in_range(0..=7)? {
            0..=2 => format!("{label}.{base}"),
            3 => format!("{label}.{base}:443"),
            4 => format!("{label}.{base}.").to_ascii_uppercase(),
            5 => domain.to_owned(),
            6 => format!("{}.:80", domain.to_ascii_uppercase()),
            _ => base.to_owned(),
        });
    }
    Ok(match bytes.int_in_range(0..=35)? {
        0 => format!("x.{label}.{base}"),
        1 => format!("{label}.x.{base}"),
        2 => format!("evil{base}"),
        3 => format!("{label}{base}"),
        4 => format!("{base}.evil.net"),
        5 => format!("{label}.{base}.."),
        6 => format!(".{label}.{base}"),
        7 => format!("{label}..{base}"),
        8 => format!("user@{label}.{base}"),
        9 => format!("{label}.{base},{label}.{base}"),
        10 => format!("{label}.{base}:99999"),
        11 => format!("{label}.{base}:65535"),
        12 => format!("{label}.{base}:80x"),
        13 => format!("{label}.{base}:"),
        14 => format!("{label}.{base}:80:80"),
        15 => format!("{label}.{base}:+80"),
        16 => format!("{label}.{base}:0000080"),
        17 => "127.0.0.1".to_owned(),
        18 => "127.0.0.1.:80".to_owned(),
        19 => "010.0.0.1".to_owned(),
        20 => "256.1.1.1".to_owned(),
        21 => "2130706433".to_owned(),
        22 => "[::1]".to_owned(),
        23 => "[::ffff:127.0.0.1]:80".to_owned(),
        24 => "[::1".to_owned(),
        25 => "[::1]x".to_owned(),
        26 => "[fe80::1%25eth0]".to_owned(),
        27 => "[nonsense]".to_owned(),
        28 => format!("[{label}.{base}]"),
        29 => String::new(),
        30 => ".".to_owned(),
        31 => ":80".to_owned(),
        32 => format!("{}.{base}", "a".repeat(64)),
        33 => format!("{}{base}", "abcdefghi.".repeat(25)),
        34 => format!(" {label}.{base}\t"),
        _ => soup(bytes)?,
    })
}
