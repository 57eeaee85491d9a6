# What the project builds on: Debian packages, and Microsoft SEAL (scripts/get-seal.sh puts it into build/deps/seal).
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json url)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)

find_package(PkgConfig REQUIRED)
pkg_check_modules(zstd REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(isal REQUIRED IMPORTED_TARGET libisal)

find_library(CSV_LIBRARY csv REQUIRED)
find_path(CSV_INCLUDE_DIR csv.h REQUIRED)
find_path(VALIJSON_INCLUDE_DIR valijson/validator.hpp REQUIRED)

# The messages of the ONNX format. Debian's package says which namespace and which of its two sets of messages it was
# built with; FindProtobuf makes the target that it links.
find_package(Protobuf REQUIRED)
find_package(ONNX REQUIRED)
add_library(einfer_onnx_format INTERFACE)
target_link_libraries(einfer_onnx_format INTERFACE onnx_proto)

list(APPEND CMAKE_PREFIX_PATH ${PROJECT_SOURCE_DIR}/build/deps/seal)
find_package(SEAL 4.1 QUIET)
if(NOT SEAL_FOUND)
  message(FATAL_ERROR "Microsoft SEAL 4.1 or later was not found. `make deps` builds it into build/deps/seal; "
                      "or point CMAKE_PREFIX_PATH at an installed one.")
endif()
message(STATUS "Microsoft SEAL ${SEAL_VERSION}: ${SEAL_DIR}")

# PyYAML comes as a Debian package, so its interpreter is the system's.
find_program(EINFER_PYTHON python3 PATHS /usr/bin NO_DEFAULT_PATH)
find_program(EINFER_PYTHON python3 REQUIRED)
