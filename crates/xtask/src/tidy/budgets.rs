//! How many crates a user pulls in, and which ones never.

use std::collections::BTreeSet;

use super::Finding;

/// At most `crates` unique crates for `package` with default features, itself included.
pub(crate) struct Budget {
    pub(crate) package: &'static str,
    pub(crate) crates: usize,
}

/// The budgets: normal dependencies on Linux.
pub(crate) const BUDGETS: &[Budget] = &[
    Budget {
        package: "trisignal",
        crates: 120,
    },
    Budget {
        package: "trisignal-instrumentation",
        crates: 50,
    },
];

/// Crates that need more than Rust and a C compiler on the machine that builds.
const BANNED: &[(&str, &str)] = &[
    ("openssl-sys", "needs OpenSSL"),
    ("native-tls", "needs the system's TLS"),
    ("aws-lc-sys", "needs CMake or a C++ compiler"),
    ("cmake", "needs CMake"),
    ("prost-build", "needs protoc"),
    ("protobuf-src", "needs a C++ compiler"),
];

/// Checks a budget against the tree of its package.
pub(crate) fn over(budget: &Budget, tree: &BTreeSet<String>) -> Option<Finding> {
    (tree.len() > budget.crates).then(|| {
        Finding::new(
            budget.package,
            format!(
                "pulls {} crates, the budget is {}",
                tree.len(),
                budget.crates
            ),
        )
    })
}

/// Checks the normal and build dependencies of a published crate.
pub(crate) fn banned(package: &str, tree: &BTreeSet<String>) -> Vec<Finding> {
    tree.iter()
        .filter_map(|line| line.split_whitespace().next())
        .filter_map(|name| BANNED.iter().find(|(banned, _)| *banned == name))
        .map(|(name, why)| Finding::new(package, format!("pulls {name}, which {why}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(names: impl IntoIterator<Item = String>) -> BTreeSet<String> {
        names
            .into_iter()
            .map(|name| format!("{name} v1.0.0"))
            .collect()
    }

    #[test]
    fn a_budget_holds_to_the_last_crate() {
        let budget = Budget {
            package: "p",
            crates: 3,
        };
        assert_eq!(over(&budget, &tree((0..3).map(|n| n.to_string()))), None);
        let finding = over(&budget, &tree((0..4).map(|n| n.to_string())));
        assert_eq!(
            finding,
            Some(Finding::new("p", "pulls 4 crates, the budget is 3"))
        );
    }

    #[test]
    fn a_banned_crate_is_named_with_what_it_needs() {
        let tree = tree(["openssl-sys".to_owned(), "openssl-probe".to_owned()]);
        assert_eq!(
            banned("p", &tree),
            [Finding::new("p", "pulls openssl-sys, which needs OpenSSL")]
        );
    }
}
