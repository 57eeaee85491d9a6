#include "api_key.h"
#include "row_reader.h"

#include <gtest/gtest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace einfer::cli {
namespace {

class ApiKey : public testing::Test {
protected:
    void SetUp() override { unsetenv("EINFER_API_KEY"); }
    void TearDown() override {
        unsetenv("EINFER_API_KEY");
        std::filesystem::remove(file_);
    }

    std::string from_file(const std::string& content) {
        std::ofstream(file_, std::ios::binary) << content;
        chmod(file_.c_str(), 0600);
        return read_api_key(file_);
    }

    const std::string file_ =
        std::filesystem::temp_directory_path() / ("einfer-api-key-test-" + std::to_string(getpid()));
};

TEST_F(ApiKey, ComesFromTheFileThenFromTheEnvironment) {
    EXPECT_EQ(read_api_key(""), "");
    setenv("EINFER_API_KEY", "outer", 1);
    EXPECT_EQ(read_api_key(""), "outer");
    for (const char* content : {"sesame", "sesame\n", "sesame\r\n"}) EXPECT_EQ(from_file(content), "sesame");
}

TEST_F(ApiKey, IsOneLineAndNeverShown) {
    for (const std::string& content :
         {std::string(), std::string("\n"), std::string("sesame\nopen\n"), "sesame" + std::string(5000, 'x')}) {
        try {
            static_cast<void>(from_file(content));
            ADD_FAILURE() << "taken: " << content.substr(0, 20);
        } catch (const InputError& error) {
            EXPECT_EQ(std::string(error.what()).find("sesame"), std::string::npos) << error.what();
        }
    }
    EXPECT_THROW(static_cast<void>(read_api_key("/no/such/file")), InputError);
    EXPECT_THROW(static_cast<void>(read_api_key("/")), InputError);
}

TEST_F(ApiKey, WarnsWhenOthersMayReadIt) {
    for (const mode_t mode : {0600, 0640, 0644}) {
        static_cast<void>(from_file("sesame\n"));
        chmod(file_.c_str(), mode);
        testing::internal::CaptureStderr();
        EXPECT_EQ(read_api_key(file_), "sesame");
        EXPECT_EQ(testing::internal::GetCapturedStderr().empty(), mode != 0644) << mode;
    }
}

}  // namespace
}  // namespace einfer::cli
