# `cmake --install`: programs (see permafrost_program), libraries, headers and find_package(permafrost).
include(CMakePackageConfigHelpers)
set(libraries permafrost_support permafrost_shared_io permafrost_optimizer permafrost_pipeline)
set(header_folders optimizer shared_io)
set(PERMAFROST_HAS_RUNNER OFF)
if(TARGET permafrost_runner)
  list(APPEND libraries permafrost_runner)
  list(APPEND header_folders runner)
  set(PERMAFROST_HAS_RUNNER ON)
endif()
install(TARGETS ${libraries} EXPORT permafrost-targets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT permafrost-targets NAMESPACE permafrost:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/permafrost)
install(DIRECTORY ${header_folders} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/permafrost FILES_MATCHING PATTERN "*.h")
configure_package_config_file(cmake/permafrost-config.cmake.in ${PROJECT_BINARY_DIR}/permafrost-config.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/permafrost)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/permafrost-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES cmake/FindISAL.cmake cmake/FindHDF5C.cmake cmake/FindOpenCV.cmake ${PROJECT_BINARY_DIR}/permafrost-config.cmake ${PROJECT_BINARY_DIR}/permafrost-config-version.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/permafrost)
