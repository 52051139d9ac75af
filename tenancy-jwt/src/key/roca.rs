//! The fingerprint of RSA keys whose private half can be computed: ROCA, CVE-2017-15361.
//!
//! A library of Infineon's chose each prime as `k * M + (65537^a mod M)`, where `M` is the product of the first small
//! primes. A modulus of two such primes is therefore a power of 65537 modulo `M`, with the exponent unknown. That can
//! be tested without factoring anything. See Nemec, Sys, Svenda, Klinec and Matyas, "The Return of Coppersmith's
//! Attack: Practical Factorization of Widely Used RSA Moduli", ACM CCS 2017, §2.2.

/// The odd primes of the smallest `M` that the library used, for keys of 512 bits. The `M` of larger keys have these
/// primes too, so that the fingerprint is theirs as well.
const PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109,
    113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];
const GENERATOR: u32 = 65537;

/// An exponent of the generator, as it is known modulo one prime: any number that leaves `remainder` when it is
/// divided by `order`.
#[derive(Clone, Copy)]
struct Exponent {
    remainder: u32,
    order: u32,
}

/// Whether a modulus, big-endian, is a power of 65537 modulo the product of [`PRIMES`].
///
/// A modulus of random primes is one with a probability of about 2⁻¹⁵⁴.
pub(crate) fn has_fingerprint(modulus: &[u8]) -> bool {
    let exponents: Option<Vec<Exponent>> = PRIMES.into_iter().map(|prime| logarithm(modulus, prime)).collect();
    // One exponent must serve for all primes. By the Chinese remainder theorem there is one exactly if any two
    // congruences agree.
    exponents.is_some_and(|exponents| {
        let agrees = |one: &Exponent| exponents.iter().all(|other| one.agrees_with(*other));
        exponents.iter().all(agrees)
    })
}

impl Exponent {
    const fn agrees_with(self, other: Self) -> bool {
        self.remainder
            .abs_diff(other.remainder)
            .is_multiple_of(greatest_common_divisor(self.order, other.order))
    }
}

/// The exponent by which the generator becomes the number modulo a prime, if it is one of its powers.
fn logarithm(number: &[u8], prime: u32) -> Option<Exponent> {
    let target = number
        .iter()
        .fold(0, |remainder, byte| (remainder * 256 + u32::from(*byte)) % prime);
    let (mut power, mut order, mut remainder) = (1, 0, None);
    loop {
        if power == target {
            remainder = Some(order);
        }
        power = power * (GENERATOR % prime) % prime;
        order += 1;
        if power == 1 {
            break;
        }
    }
    remainder.map(|remainder| Exponent { remainder, order })
}

const fn greatest_common_divisor(mut one: u32, mut other: u32) -> u32 {
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex
            .bytes()
            .map(|digit| (digit as char).to_digit(16).unwrap_or_default() as u8)
            .collect();
        digits
            .rchunks(2)
            .rev()
            .map(|pair| pair.iter().fold(0, |byte, digit| byte * 16 + digit))
            .collect()
    }

    /// `mod01` of the published test vectors of roca-detect, of 512 bits.
    const VECTOR: &str = "944e13208a280c37efc31c3114485e590192adbb8e11c87cad60cdef0037ce99\
                          278330d3f471a2538fa667802ed2a3c44a8b7dea826e888d0aa341fd664f7fa7";

    #[test]
    fn a_published_modulus_has_the_fingerprint_and_its_neighbours_have_not() {
        let vector = number(VECTOR);
        assert!(has_fingerprint(&vector));
        assert!(has_fingerprint(&[&[0; 9], vector.as_slice()].concat()));
        for bit in 0..vector.len() * 8 {
            let mut other = vector.clone();
            if let Some(byte) = other.get_mut(bit / 8) {
                *byte ^= 1 << (bit % 8);
            }
            assert!(!has_fingerprint(&other), "{bit}");
        }
        assert!(!has_fingerprint(&[]) && !has_fingerprint(&[0; 256]) && !has_fingerprint(&[0xff; 256]));
    }

    /// A power of 65537 modulo each prime, but of exponents that contradict each other. One in some 2²⁸ ordinary
    /// moduli is such a number.
    #[test]
    fn exponents_have_to_agree() {
        assert!(!has_fingerprint(&number(
            "b6cfb54591154e0c14b56d26b48b94e5befe726766391ab75aefb8"
        )));
        assert!(has_fingerprint(&number(
            "34b492facc810368ac720e860700b61b90385910065ab4c850c0b1b"
        )));
        assert!(has_fingerprint(&number("1")) && has_fingerprint(&number("10001")));
    }

    #[test]
    fn products_of_ordinary_primes_have_no_fingerprint() {
        let is_prime = |number: &u64| {
            (2..)
                .take_while(|divisor| divisor * divisor <= *number)
                .all(|divisor| !number.is_multiple_of(divisor))
        };
        let primes: Vec<u64> = (1_000_000..).filter(is_prime).take(40).collect();
        for (index, one) in primes.iter().enumerate() {
            for other in primes.iter().skip(index) {
                assert!(!has_fingerprint(&(one * other).to_be_bytes()), "{one} {other}");
            }
        }
    }
}
