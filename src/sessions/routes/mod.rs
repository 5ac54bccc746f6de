//! Signing in and out over HTTP.

mod devices;
mod passwords;
mod sign_in;

use crate::auth::policy;
use crate::http::Routes;

pub fn register(routes: &mut Routes) {
    routes.add(sign_in::sign_in, policy::PUBLIC);
    routes.add(sign_in::refresh_session, policy::PUBLIC);
    routes.add(devices::list_sessions, policy::SIGNED_IN);
    routes.add(devices::end_other_sessions, policy::SIGNED_IN);
    routes.add(devices::sign_out, policy::SIGNED_IN);
    routes.add(devices::end_session, policy::SIGNED_IN);
    routes.add(passwords::forget_password, policy::PUBLIC);
    routes.add(passwords::reset_password, policy::PUBLIC);
    routes.add(passwords::change_password, policy::SIGNED_IN);
}
