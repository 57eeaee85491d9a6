# cmake --install: the library and its headers, the programs, the shipped models, the contract, and a CMake package.
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/einfer)
set(data_dir ${CMAKE_INSTALL_DATADIR}/einfer)
file(RELATIVE_PATH bin_to_lib /${CMAKE_INSTALL_BINDIR} /${CMAKE_INSTALL_LIBDIR})

if(TARGET einfer)
  install(TARGETS einfer EXPORT einferTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/einfer DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  install(EXPORT einferTargets NAMESPACE einfer:: DESTINATION ${package_dir})
  configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/einferConfig.cmake.in ${PROJECT_BINARY_DIR}/einferConfig.cmake
                                INSTALL_DESTINATION ${package_dir})
  write_basic_package_version_file(${PROJECT_BINARY_DIR}/einferConfigVersion.cmake COMPATIBILITY SameMajorVersion)
  install(FILES ${PROJECT_BINARY_DIR}/einferConfig.cmake ${PROJECT_BINARY_DIR}/einferConfigVersion.cmake
          DESTINATION ${package_dir})
endif()

foreach(program einfer-cli einfer-server)
  if(TARGET ${program})
    # Found from the program's own place: the prefix may be any.
    set_target_properties(${program} PROPERTIES INSTALL_RPATH "$ORIGIN/${bin_to_lib}")
    install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  endif()
endforeach()

install(DIRECTORY ${PROJECT_SOURCE_DIR}/models/ DESTINATION ${data_dir}/models
        FILES_MATCHING PATTERN "*.json" PATTERN "*.weights"
        PATTERN training EXCLUDE PATTERN holdout EXCLUDE PATTERN calibration EXCLUDE PATTERN onnx EXCLUDE)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/schemas DESTINATION ${data_dir} FILES_MATCHING PATTERN "*.json")
install(FILES ${PROJECT_SOURCE_DIR}/openapi.yaml DESTINATION ${data_dir})
