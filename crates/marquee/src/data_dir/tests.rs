use std::os::unix::fs::{chown, symlink};

use super::*;

/// A user that no test process runs as.
const OTHER_USER: u32 = 61_234;

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o777
}

/// A data directory of an older version, which all users could read.
fn open_to_all() -> (tempfile::TempDir, PathBuf) {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("data");
    for directory in ["", "run", "logs"] {
        fs::create_dir(root.join(directory)).unwrap();
        fs::set_permissions(root.join(directory), Permissions::from_mode(0o755)).unwrap();
    }
    for file in
        ["book.db", "book.db-wal", "book.db-shm", "run/book.lock", "logs/book.log", "logs/book.log.old"]
    {
        fs::write(root.join(file), "x").unwrap();
        fs::set_permissions(root.join(file), Permissions::from_mode(0o644)).unwrap();
    }
    (scratch, root)
}

#[test]
fn new_directory_is_private() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("data");
    let data_dir = DataDir::open(&root).unwrap();
    let _lock = data_dir.lock("book").unwrap();
    for directory in ["", "run", "logs"] {
        assert_eq!(mode(&root.join(directory)), 0o700, "{directory}");
    }
    assert_eq!(mode(&root.join("run/book.lock")), 0o600);
}

#[test]
fn permissions_of_others_are_removed_from_an_existing_directory() {
    let (_scratch, root) = open_to_all();
    fs::write(root.join("notes.txt"), "the user's own").unwrap();
    fs::set_permissions(root.join("notes.txt"), Permissions::from_mode(0o644)).unwrap();
    DataDir::open(&root).unwrap();
    for directory in ["", "run", "logs"] {
        assert_eq!(mode(&root.join(directory)), 0o700, "{directory}");
    }
    for file in
        ["book.db", "book.db-wal", "book.db-shm", "run/book.lock", "logs/book.log", "logs/book.log.old"]
    {
        assert_eq!(mode(&root.join(file)), 0o600, "{file}");
    }
    assert_eq!(mode(&root.join("notes.txt")), 0o644);
}

#[test]
fn link_in_place_of_the_directory_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let (target, link) = (scratch.path().join("target"), scratch.path().join("data"));
    fs::create_dir(&target).unwrap();
    symlink(&target, &link).unwrap();
    // A slash at the end would make the system follow it.
    for path in [link.clone(), link.join("")] {
        let refused = DataDir::open(&path).unwrap_err();
        assert!(matches!(&refused, DataDirError::Link { path } if *path == link), "{refused}");
    }
    fs::remove_dir(&target).unwrap();
    assert!(matches!(DataDir::open(&link), Err(DataDirError::Link { .. })));
    assert!(!target.exists(), "a directory was made behind the link");
}

#[test]
fn link_inside_the_directory_is_refused_and_its_target_is_untouched() {
    for name in [
        "run/book.lock",
        "run/book.pid",
        "logs/book.log",
        "logs/book.log.old",
        "book.db",
        "book.db-wal",
        "book.db-relay.lock",
    ] {
        let (scratch, root) = open_to_all();
        let target = scratch.path().join("target");
        fs::write(&target, "not ours").unwrap();
        fs::set_permissions(&target, Permissions::from_mode(0o644)).unwrap();
        let _ = fs::remove_file(root.join(name));
        symlink(&target, root.join(name)).unwrap();
        let refused = DataDir::open(&root).unwrap_err();
        assert!(matches!(&refused, DataDirError::Link { path } if *path == root.join(name)), "{refused}");
        assert_eq!(
            (fs::read_to_string(&target).unwrap().as_str(), mode(&target)),
            ("not ours", 0o644),
            "{name}"
        );
    }
    for name in ["run", "logs"] {
        let (scratch, root) = open_to_all();
        let target = scratch.path().join("target");
        fs::rename(root.join(name), &target).unwrap();
        symlink(&target, root.join(name)).unwrap();
        assert!(matches!(DataDir::open(&root), Err(DataDirError::Link { .. })), "{name}");
        assert_eq!(mode(&target), 0o755, "{name}");
    }
}

#[test]
fn link_that_appears_later_is_not_followed() {
    let scratch = tempfile::tempdir().unwrap();
    let target = scratch.path().join("target");
    fs::write(&target, "not ours").unwrap();
    let data_dir = DataDir::open(&scratch.path().join("data")).unwrap();
    symlink(&target, scratch.path().join("data/run/book.lock")).unwrap();
    assert!(matches!(data_dir.lock("book"), Err(DataDirError::Link { .. })));
    assert_eq!(fs::read_to_string(&target).unwrap(), "not ours");
    assert!(open_private(File::options().append(true), &scratch.path().join("data/run/book.lock")).is_err());
}

#[test]
fn directory_or_file_of_another_owner_is_refused() {
    if !geteuid().is_root() {
        return println!("left out: only root can give a file to another user");
    }
    for name in ["", "run", "logs", "book.db", "logs/book.log", "run/book.lock"] {
        let (_scratch, root) = open_to_all();
        let path = if name.is_empty() { root.clone() } else { root.join(name) };
        chown(&path, Some(OTHER_USER), None).unwrap();
        let refused = DataDir::open(&root).unwrap_err().to_string();
        let expected =
            format!("{} belongs to user {OTHER_USER}, and this process runs as user 0; ", path.display());
        assert!(refused.starts_with(&expected), "{refused}");
        assert!(refused.contains("--data-dir"), "{refused}");
    }
}

#[test]
fn second_lock_names_the_process_that_holds_the_first() {
    let directory = tempfile::tempdir().unwrap();
    let data_dir = DataDir::open(directory.path()).unwrap();
    let held = data_dir.lock("fleet").unwrap();
    let refused = data_dir.lock("fleet").unwrap_err().to_string();
    assert!(
        refused.contains(&format!(
            "fleet runs on it as process {}; stop it with: marquee stop",
            std::process::id()
        )),
        "{refused}"
    );
    drop(held);
    assert!(data_dir.lock("fleet").is_ok());
}

#[test]
fn special_characters_of_a_path_are_escaped_in_the_url() {
    let directory = tempfile::tempdir().unwrap();
    let data_dir = DataDir::open(&directory.path().join("my data? 100%")).unwrap();
    let url = data_dir.database_url("book");
    assert!(url.ends_with("/my%20data%3F%20100%25/book.db"), "{url}");
    assert!(url.starts_with("sqlite:///"), "{url}");
}

#[test]
fn fleet_id_is_created_once_and_is_private() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("data");
    let data_dir = DataDir::open(&root).unwrap();
    let id = data_dir.fleet_id().unwrap();
    assert!(id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    assert_eq!(DataDir::open(&root).unwrap().fleet_id().unwrap(), id);
    assert_eq!(mode(&root.join("fleet-id")), 0o600);
    assert_eq!(fs::read_dir(root.join("run")).unwrap().count(), 0);
    let other = DataDir::open(&scratch.path().join("other")).unwrap();
    assert_ne!(other.fleet_id().unwrap(), id);
}

#[test]
fn processes_that_create_the_fleet_id_at_once_get_the_same() {
    let scratch = tempfile::tempdir().unwrap();
    let data_dir = DataDir::open(&scratch.path().join("data")).unwrap();
    // Each has found no file, and is about to create it.
    let path = data_dir.root.join("fleet-id");
    data_dir.create_fleet_id(&path).unwrap();
    let id = data_dir.fleet_id().unwrap();
    data_dir.create_fleet_id(&path).unwrap();
    assert_eq!(data_dir.fleet_id().unwrap(), id);
}

#[test]
fn damaged_fleet_id_is_refused_and_kept() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("data");
    let data_dir = DataDir::open(&root).unwrap();
    for text in ["", "\n", "A", "a b", "a\nb", &"x".repeat(33)] {
        fs::write(root.join("fleet-id"), text).unwrap();
        assert!(matches!(data_dir.fleet_id(), Err(DataDirError::NoFleetId { .. })), "{text:?}");
        assert_eq!(fs::read_to_string(root.join("fleet-id")).unwrap(), text);
    }
    fs::remove_file(root.join("fleet-id")).unwrap();
    symlink("/etc/hostname", root.join("fleet-id")).unwrap();
    assert!(matches!(data_dir.fleet_id(), Err(DataDirError::Link { .. })));
}
