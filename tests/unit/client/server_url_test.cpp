#include "client/server_url.h"

#include <gtest/gtest.h>

namespace einfer::client {
namespace {

TEST(ServerUrl, TakesHostPortAndBasePathApart) {
    struct Case {
        std::string_view url, host, port, authority, base_path;
    };
    for (const Case& c : {
             Case{"http://127.0.0.1:8000", "127.0.0.1", "8000", "127.0.0.1:8000", ""},
             Case{"http://127.0.0.1:8000/", "127.0.0.1", "8000", "127.0.0.1:8000", ""},
             Case{"http://einfer.example.org", "einfer.example.org", "80", "einfer.example.org", ""},
             Case{"HTTP://localhost:80/", "localhost", "80", "localhost", ""},
             Case{"http://localhost:", "localhost", "80", "localhost", ""},
             Case{"http://[::1]:8000/base/path", "::1", "8000", "[::1]:8000", "/base/path"},
             Case{"http://[2001:db8::2]", "2001:db8::2", "80", "[2001:db8::2]", ""},
             Case{"http://proxy:81/a%20b//", "proxy", "81", "proxy:81", "/a%20b"},
             Case{"https://einfer.example.org/x", "einfer.example.org", "443", "einfer.example.org", "/x"},
             Case{"https://localhost:443", "localhost", "443", "localhost", ""},
             Case{"https://localhost:80", "localhost", "80", "localhost:80", ""},
             Case{"http://localhost:443", "localhost", "443", "localhost:443", ""},
             Case{"HTTPS://[::1]:8443", "::1", "8443", "[::1]:8443", ""},
         }) {
        const auto server = ServerUrl::parse(c.url);
        ASSERT_TRUE(server) << c.url << ": " << server.error().message;
        EXPECT_EQ(server->host, c.host);
        EXPECT_EQ(server->port, c.port);
        EXPECT_EQ(server->authority, c.authority);
        EXPECT_EQ(server->base_path, c.base_path);
        EXPECT_EQ(server->tls, c.url.starts_with("https") || c.url.starts_with("HTTPS")) << c.url;
        EXPECT_EQ(server->text(),
                  (server->tls ? "https://" : "http://") + std::string(c.authority) + std::string(c.base_path));
    }
}

TEST(ServerUrl, RefusesEverythingElseAsAnArgument) {
    for (const std::string_view url : {
             "",
             "127.0.0.1:8000",
             "localhost:8000",
             "http:",
             "http://",
             "http:///models",
             "https://",
             "https:///models",
             "https://user:pw@127.0.0.1",
             "//127.0.0.1",
             "/models",
             "ftp://127.0.0.1",
             "http://user@127.0.0.1",
             "http://user:pw@127.0.0.1",
             "http://127.0.0.1/#models",
             "http://127.0.0.1/?a=b",
             "http://127.0.0.1:0",
             "http://127.0.0.1:65536",
             "http://127.0.0.1:99999999999",
             "http://127.0.0.1:80a",
             "http://ho st",
             "http://ho%0d%0ast",
             "http://a\r\nb",
             "http://[::1",
             "http://[v1.x]",
             "http://host/\xc3\xa4",
             " http://127.0.0.1",
         }) {
        const auto server = ServerUrl::parse(url);
        ASSERT_FALSE(server) << url;
        EXPECT_EQ(server.error().kind, ErrorKind::InvalidArgument);
        EXPECT_EQ(server.error().message.find_first_of("\r\n"), std::string::npos);
    }
}

TEST(ServerUrl, KnowsWhatDoesNotLeaveTheMachine) {
    for (const char* url :
         {"http://localhost", "http://LOCALHOST:1", "http://127.0.0.1", "http://127.9.9.9:1", "http://[::1]"})
        EXPECT_TRUE(ServerUrl::parse(url).value().is_loopback()) << url;
    for (const char* url : {"http://localhost.example.org", "http://126.0.0.1", "http://0.0.0.0", "http://[::]",
                            "http://127.1", "http://[::ffff:10.0.0.1]"})
        EXPECT_FALSE(ServerUrl::parse(url).value().is_loopback()) << url;
}

TEST(Printable, LeavesNothingForATerminalToObey) {
    EXPECT_EQ(printable("two\nlines\x1b[31m\x7f"), "two?lines?[31m?");
    EXPECT_EQ(printable("\xc2\x9b"
                        "0m \xc3\xa4"),
              "?0m \xc3\xa4");
    for (const char* mark : {"\xe2\x80\xae", "\xe2\x80\x8b", "\xe2\x81\xa6", "\xef\xbb\xbf", "\xd8\x9c", "\xc2\xad",
                             "\xe2\x80\xa8", "\xf3\xa0\x81\x81", "\xe1\xa0\x8e", "\xe1\x85\x9f", "\xe2\xa0\x80",
                             "\xe3\x85\xa4", "\xef\xb8\x8f", "\xee\x80\x80", "\xf0\x9d\x85\xb3", "\x9b", "\xff"})
        EXPECT_EQ(printable(std::string("a") + mark + "b"), "a?b");
    EXPECT_EQ(printable("\xe2\x80\x93 \xe2\x82\xac \xd8\xa7"), "\xe2\x80\x93 \xe2\x82\xac \xd8\xa7");  // – € ا
    for (const char* cut : {"\xe2\x80", "\xc2", "\xf3\xa0\x80"}) EXPECT_NO_THROW(static_cast<void>(printable(cut)));
    EXPECT_EQ(printable("abcdef", 3), "abc...");
    EXPECT_EQ(printable("ab\xc3\xa4", 3), "ab...");
}

}  // namespace
}  // namespace einfer::client
