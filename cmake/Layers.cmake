# One static library a folder of src/, private links, warnings on. `einfer_layer(base SOURCES … LINKS …)` makes
# `einfer_base`. What a layer may include is checked by tests/unit/layering_test.py.
add_library(einfer_options INTERFACE)
target_compile_options(einfer_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast
                                                -Werror=switch -ffunction-sections -fdata-sections)
# Bound at start: the tables become read-only, and lazy binding cannot spill registers that hold a key onto the stack.
target_link_options(einfer_options INTERFACE -Wl,--gc-sections -Wl,-z,relro,-z,now)
if(EINFER_WERROR)
  target_compile_options(einfer_options INTERFACE -Werror)
endif()
if(EINFER_SANITIZE)
  target_compile_options(einfer_options INTERFACE -fsanitize=${EINFER_SANITIZE} -fno-sanitize-recover=all
                                                  -fno-omit-frame-pointer)
  target_link_options(einfer_options INTERFACE -fsanitize=${EINFER_SANITIZE})
endif()

function(einfer_layer name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINKS;PRIVATE" ${ARGN})
  add_library(einfer_${name} STATIC ${arg_SOURCES})
  target_include_directories(einfer_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(einfer_${name} PUBLIC ${arg_LINKS} PRIVATE einfer_options ${arg_PRIVATE})
endfunction()
