//! Integration codes, and the words that may stand in their place: what is meant for lockwatch must never be sent as a code. Pure.

use secrecy::{ExposeSecret, SecretString};

/// Stands for the code where only the vendor knows it.
const VENDOR_HELD: &str = "vendor-held";
/// Sent as the code where only the vendor knows it. Nobody can take it for a real one.
pub const PLACEHOLDER: &str = "LOCKWATCH-CODE-NOT-KNOWN";
/// Real codes are longer.
const LONGEST_REMARK: usize = 16;

/// What a text in the place of a code is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeText {
    /// A code.
    Code,
    /// Exactly the words that say that only the vendor knows it.
    VendorHeld,
    /// Probably meant as those words.
    NearlyVendorHeld,
    /// What lockwatch itself sends for a code.
    Placeholder,
}

impl CodeText {
    /// Reads it. Too much taken for a remark costs a question; a remark taken for a code costs a failed request for ever.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let letters = text.chars().filter(|c| c.is_alphanumeric());
        let plain: String = letters.flat_map(char::to_lowercase).collect();
        if text == VENDOR_HELD {
            Self::VendorHeld
        } else if text.trim().eq_ignore_ascii_case(PLACEHOLDER) {
            Self::Placeholder
        } else if plain.contains("vendor") && plain.len() <= LONGEST_REMARK
            || strsim::damerau_levenshtein(&plain, "vendorheld") <= 2
        {
            Self::NearlyVendorHeld
        } else {
            Self::Code
        }
    }
}

/// What is wrong with a code that was read from its source, a fragment; `None` where nothing is.
#[must_use]
pub fn no_code_in(code: &SecretString) -> Option<&'static str> {
    match CodeText::of(code.expose_secret()) {
        CodeText::Code => None,
        CodeText::VendorHeld | CodeText::NearlyVendorHeld => Some(
            "is no code but a remark; write integration_code = \"vendor-held\" in the configuration itself where only the vendor knows the code",
        ),
        CodeText::Placeholder => Some("is the placeholder that lockwatch sends for a code"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remark_is_never_taken_for_a_code() {
        use CodeText::{Code, NearlyVendorHeld, Placeholder, VendorHeld};
        for (text, want) in [
            ("vendor-held", VendorHeld),
            ("Vendor-Held", NearlyVendorHeld),
            ("vendor held", NearlyVendorHeld),
            ("vendor_held", NearlyVendorHeld),
            ("vendorheld", NearlyVendorHeld),
            (" vendor-held", NearlyVendorHeld),
            ("vendro-held", NearlyVendorHeld),
            ("vender-hold", NearlyVendorHeld),
            ("vendor", NearlyVendorHeld),
            ("held by vendor", NearlyVendorHeld),
            ("<vendor-held>", NearlyVendorHeld),
            (PLACEHOLDER, Placeholder),
            ("lockwatch-code-not-known", Placeholder),
            ("DEMO-CODE-1", Code),
            ("VENDORX7Q2KJ4M5N6P8R9S2T4V6", Code),
            ("ABCDEFGHIJKLMNOPQRSTUVWXYZ2", Code),
            ("", Code),
        ] {
            assert_eq!(CodeText::of(text), want, "{text:?}");
            let read = no_code_in(&text.into());
            assert_eq!(read.is_none(), want == Code, "{text:?}");
        }
    }
}
