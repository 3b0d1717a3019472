# cmake --install build/release --component sdk --prefix PREFIX: the agent SDK as a package that other programs find
# with find_package(isa_sdk) and link as isa::sdk. examples/ is such a project.
include(CMakePackageConfigHelpers)

set(ISA_SDK_PACKAGE lib/cmake/isa_sdk)
foreach(module base net sdk)
  set_target_properties(isa_${module} PROPERTIES EXPORT_NAME ${module})
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/src/${module}/ DESTINATION include/isa/${module} COMPONENT sdk
          FILES_MATCHING PATTERN "*.h" PATTERN "*test*" EXCLUDE PATTERN "testing.h" EXCLUDE)
endforeach()
install(TARGETS isa_base isa_base_yaml isa_yaml_cpp isa_net isa_sdk isa_asio isa_beast isa_fmt_headers EXPORT isa_sdk
        ARCHIVE DESTINATION lib COMPONENT sdk)
install(EXPORT isa_sdk NAMESPACE isa:: DESTINATION ${ISA_SDK_PACKAGE} FILE isa_sdk-targets.cmake COMPONENT sdk)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/isa_sdk-config.cmake.in
  ${PROJECT_BINARY_DIR}/isa_sdk-config.cmake INSTALL_DESTINATION ${ISA_SDK_PACKAGE})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/isa_sdk-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/isa_sdk-config.cmake ${PROJECT_BINARY_DIR}/isa_sdk-config-version.cmake
        DESTINATION ${ISA_SDK_PACKAGE} COMPONENT sdk)
