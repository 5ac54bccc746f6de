//! Power cuts: what was acknowledged is on the disk itself, not only in what the system still holds.
//!
//! The database lies on an ext4 file system in an image. The server is frozen in mid-load and the image copied from
//! under the file system, so that the copy lacks whatever was not synced; the copy is mounted, and the server goes on there.

use super::load::{
    Kept, Writer, everyone_was_told, ground, load, nothing_is_lost_or_doubled, until_drained,
};
use crate::support::program::Server;
use crate::support::volume::Volume;
use crate::support::{database, say, scaled};

#[actix_web::test]
async fn a_power_cut_loses_and_doubles_nothing() {
    if database::server().is_some() {
        return say("power cut: not tried on PostgreSQL, whose server keeps its own disk");
    }
    let Some(mut disk) = Volume::ext4(256) else {
        return say("power cut: NOT TRIED, mounting an image is not permitted here");
    };
    let mut ground = ground().await;
    ground.database.copy_onto(&disk.path);
    let mut writers = Writer::all(&ground);
    let cuts = scaled(2, 100);
    for round in 0..cuts {
        ground.environment[0].1 = url(&disk);
        let server = Server::start(&ground.environment).await;
        let base = server.base.clone();
        let cut = async {
            server.freeze();
            let after = disk.cut();
            server.kill();
            after
        };
        disk = load(&mut writers, &base, 150 + 20 * (round % 5), cut).await;
        nothing_is_lost_or_doubled(&url(&disk), &all(&writers));
    }
    ground.environment[0].1 = url(&disk);
    let server = Server::start(&ground.environment).await;
    until_drained(&url(&disk)).await;
    everyone_was_told(&url(&disk));
    drop(server);
    let count = all(&writers).len();
    say(&format!(
        "power cut: {cuts} cuts, {count} acknowledged, 0 lost, 0 doubled"
    ));
}

fn url(disk: &Volume) -> String {
    format!("sqlite:{}", disk.path.join("test.db").display())
}

fn all(writers: &[Writer]) -> Vec<&Kept> {
    writers.iter().flat_map(|writer| &writer.kept).collect()
}
