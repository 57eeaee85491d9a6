// Bytes of a server that is none, through the client's HTTP reader, over a real socket.
//
// Oracle: the call ends, with a reply or a failure. A reply has a final status, a body no longer than was asked for (or
// than an error may be), and a request id that is a token; a failure says something printable. Memory stays below what
// buffers and limits allow, whatever lengths are claimed.
#include "base/ids.h"
#include "client/http_client.h"
#include "common/allocations.h"
#include "common/input.h"
#include "common/require.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <string>
#include <thread>

namespace einfer::fuzz {
namespace {

/// Answers every connection's first request with the same bytes, and closes.
class Impostor {
public:
    Impostor() : listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* const any = reinterpret_cast<sockaddr*>(&address);
        require(::bind(listener_, any, size) == 0 && ::listen(listener_, 8) == 0 &&
                    ::getsockname(listener_, any, &size) == 0,
                "there is a loopback socket");
        port_ = ntohs(address.sin_port);
        thread_ = std::thread([this] { serve(); });
    }
    ~Impostor() {
        stopping_ = true;
        ::shutdown(listener_, SHUT_RDWR);
        thread_.join();
        ::close(listener_);
    }
    Impostor(const Impostor&) = delete;
    Impostor& operator=(const Impostor&) = delete;

    void set_answer(std::string_view bytes, std::uint8_t chunking) {
        const std::lock_guard lock(mutex_);
        answer_ = bytes;
        chunking_ = chunking;
    }
    [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

private:
    void serve() {
        while (!stopping_) {
            const int connection = ::accept(listener_, nullptr, nullptr);
            if (connection < 0) continue;
            answer(connection);
            ::close(connection);
        }
    }

    void answer(int connection) {
        std::string request;
        char buffer[4096];
        while (request.find("\r\n\r\n") == std::string::npos) {
            const ssize_t got = ::recv(connection, buffer, sizeof buffer, 0);
            if (got <= 0) return;
            request.append(buffer, static_cast<std::size_t>(got));
        }
        const std::lock_guard lock(mutex_);
        bool open = true;
        feed_in_chunks(std::string_view(answer_), chunking_, [&](std::string_view piece) {
            if (!piece.empty()) open = open && ::send(connection, piece.data(), piece.size(), MSG_NOSIGNAL) >= 0;
        });
    }

    int listener_;
    int port_ = 0;
    std::atomic<bool> stopping_{false};
    std::mutex mutex_;
    std::string answer_;
    std::uint8_t chunking_ = 0;
    std::thread thread_;
};

bool is_printable(std::string_view text) {
    return std::none_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

}  // namespace
}  // namespace einfer::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace einfer;
    using namespace einfer::fuzz;
    static Impostor impostor;
    Input input(data, size);
    const auto chunking = static_cast<std::uint8_t>(input.byte() | 1u);  // no system call for each byte
    const std::size_t max_reply_bytes = std::size_t{16} << input.byte() % 16;
    impostor.set_answer(input.text(), chunking);

    constexpr std::chrono::seconds never{60};
    constexpr std::size_t buffers = 128 * 1024 + 2 * 32 * 1024 + 64 * 1024;
    const Allocations allocations;
    client::HttpClient client(client::ServerUrl::parse(impostor.url()).value(), never, never);
    client::HttpRequest request;
    request.target = "/models";
    request.max_reply_bytes = max_reply_bytes;
    for (int call = 0; call < 2; ++call) {
        const auto reply = client.call(request);
        const std::size_t limit = std::max(max_reply_bytes, client::max_error_bytes);
        require_below(allocations, buffers + 3 * limit + size, "a reply takes bounded memory");
        if (!reply) {
            require(reply.error().kind == ErrorKind::BadReply || reply.error().kind == ErrorKind::Connection,
                    "no call runs into its time limit", reply.error().message);
            require(!reply.error().message.empty() && is_printable(reply.error().message), "a failure is printable");
            continue;
        }
        require(reply->status >= 200 && reply->status < 1000, "a reply has a final status",
                std::to_string(reply->status));
        require(reply->body.size() <= (reply->status < 400 ? max_reply_bytes : client::max_error_bytes),
                "a body is no longer than asked for");
        require(reply->request_id.empty() || is_token(reply->request_id), "a request id is a token");
    }
    return 0;
}
