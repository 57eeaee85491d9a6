#include "server/http/spare_descriptor.h"

#include "base/ids.h"
#include "server/http/reply.h"

#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sstream>

namespace einfer::server::http {
namespace {

namespace beast = boost::beast;

int open_one() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }

std::string message() {
    const Reply reply =
        Reply::error({ErrorCode::Overloaded, "the server has no file descriptors left; try again later"});
    beast::http::response<beast::http::string_body> response(static_cast<beast::http::status>(reply.status), 11);
    response.set(beast::http::field::content_type, "application/json");
    response.set("X-Request-ID", random_id());
    for (const auto& [name, value] : reply.headers) response.set(name, value);
    response.body() = reply.body;
    response.keep_alive(false);
    response.prepare_payload();
    std::ostringstream text;
    text << response;
    return text.str();
}

}  // namespace

SpareDescriptor::SpareDescriptor() : descriptor_(open_one()) {}

SpareDescriptor::~SpareDescriptor() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

void SpareDescriptor::refuse_one(boost::asio::ip::tcp::acceptor& acceptor, bool say_so) {
    if (descriptor_ < 0) descriptor_ = open_one();
    if (descriptor_ < 0) return;
    ::close(descriptor_);
    const int connection = ::accept4(acceptor.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (connection >= 0) {
        const std::string text = say_so ? message() : std::string();
        // What does not fit into an empty socket's buffer is lost; this does.
        [[maybe_unused]] const auto sent = ::send(connection, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        // Unread bytes would make close() reset the connection, and the reply might be lost with it.
        ::shutdown(connection, SHUT_WR);
        char unread[4096];
        while (::recv(connection, unread, sizeof unread, MSG_DONTWAIT) > 0) continue;
        ::close(connection);
    }
    descriptor_ = open_one();
}

}  // namespace einfer::server::http
