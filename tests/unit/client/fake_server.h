// A loopback HTTP server for tests, on plain sockets: what it answers, and how badly, is up to the test.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace einfer::client_test {

struct SeenRequest {
    std::string method;
    std::string target;
    std::string head;  ///< request line and fields, lower case
    std::string body;
    int connection = 0;  ///< counted from 1
};

/// A connection as a handler sees it.
class FakeConnection {
public:
    explicit FakeConnection(int descriptor) : descriptor_(descriptor) {}

    /// False when the other side has gone.
    bool send(std::string_view bytes) const {
        while (!bytes.empty()) {
            const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0) return false;
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }
    /// A complete reply with the given fields ("Name: value\r\n" each).
    bool reply(int status, std::string_view body, std::string_view fields = {}) const {
        return send("HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Type: application/json\r\nContent-Length: " +
                    std::to_string(body.size()) + "\r\n" + std::string(fields) + "\r\n" + std::string(body));
    }
    /// Bytes as they come; empty at the end.
    [[nodiscard]] std::string receive() const {
        std::string bytes(64 * 1024, '\0');
        const ssize_t got = ::recv(descriptor_, bytes.data(), bytes.size(), 0);
        bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
        return bytes;
    }

private:
    int descriptor_;
};

class FakeServer {
public:
    /// Answers one request; false closes the connection afterwards. Called on one thread at a time.
    using Handler = std::function<bool(const SeenRequest&, const FakeConnection&)>;

    /// `before_body`: the handler is called when the header is there, and reads the body itself, if it wants.
    explicit FakeServer(Handler handler, bool before_body = false)
        : handler_(std::move(handler)), before_body_(before_body), listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* const any = reinterpret_cast<sockaddr*>(&address);
        if (::bind(listener_, any, size) != 0 || ::listen(listener_, 8) != 0 ||
            ::getsockname(listener_, any, &size) != 0)
            throw std::runtime_error("no loopback socket");
        port_ = ntohs(address.sin_port);
        acceptor_ = std::thread([this] { accept_all(); });
    }
    ~FakeServer() {
        stopping_ = true;
        ::shutdown(listener_, SHUT_RDWR);
        acceptor_.join();
        ::close(listener_);
        {
            const std::lock_guard lock(mutex_);
            for (const int descriptor : open_) ::shutdown(descriptor, SHUT_RDWR);
        }
        for (std::thread& thread : threads_) thread.join();
    }
    FakeServer(const FakeServer&) = delete;
    FakeServer& operator=(const FakeServer&) = delete;

    [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
    [[nodiscard]] std::vector<SeenRequest> seen() const {
        const std::lock_guard lock(mutex_);
        return seen_;
    }
    [[nodiscard]] int connections() const { return connections_; }

private:
    void accept_all() {
        while (!stopping_) {
            const int descriptor = ::accept(listener_, nullptr, nullptr);
            if (descriptor < 0) continue;
            const int number = ++connections_;
            const std::lock_guard lock(mutex_);
            open_.push_back(descriptor);
            threads_.emplace_back([this, descriptor, number] {
                serve(descriptor, number);
                const std::lock_guard relock(mutex_);
                std::erase(open_, descriptor);
                ::close(descriptor);
            });
        }
    }

    void serve(int descriptor, int number) {
        const FakeConnection connection(descriptor);
        std::string buffer;
        for (;;) {
            std::size_t end;
            while ((end = buffer.find("\r\n\r\n")) == std::string::npos) {
                const std::string more = connection.receive();
                if (more.empty()) return;
                buffer += more;
            }
            SeenRequest request;
            request.connection = number;
            request.head = buffer.substr(0, end + 2);
            request.method = request.head.substr(0, request.head.find(' '));
            const std::size_t target = request.method.size() + 1;
            request.target = request.head.substr(target, request.head.find(' ', target) - target);
            std::transform(request.head.begin(), request.head.end(), request.head.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
            buffer.erase(0, end + 4);
            const std::size_t length_at = request.head.find("\r\ncontent-length: ");
            const std::size_t length =
                length_at == std::string::npos ? 0 : std::stoul(request.head.substr(length_at + 18));
            while (!before_body_ && buffer.size() < length) {
                const std::string more = connection.receive();
                if (more.empty()) return;
                buffer += more;
            }
            request.body = buffer.substr(0, length);
            buffer.erase(0, std::min(length, buffer.size()));
            {
                const std::lock_guard lock(mutex_);
                seen_.push_back(request);
            }
            const std::lock_guard one_at_a_time(handling_);
            if (!handler_(request, connection)) return;
        }
    }

    Handler handler_;
    bool before_body_;
    int listener_;
    int port_ = 0;
    std::atomic<bool> stopping_{false};
    std::atomic<int> connections_{0};
    mutable std::mutex mutex_;
    std::mutex handling_;
    std::vector<SeenRequest> seen_;
    std::vector<int> open_;
    std::vector<std::thread> threads_;
    std::thread acceptor_;
};

/// A port of the loopback interface that nobody listens on.
[[nodiscard]] inline std::string url_without_server() {
    std::string url;
    {
        const FakeServer gone([](const SeenRequest&, const FakeConnection&) { return false; });
        url = gone.url();
    }
    return url;
}

}  // namespace einfer::client_test
