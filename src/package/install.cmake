# Install rules: `runtime` is what a program built with libseawall.so needs, `dev` what builds one.
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/seawall)
set(parts headers cpp)
install(TARGETS seawall_headers EXPORT seawall_headers
  FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT dev)
install(TARGETS seawall EXPORT seawall_cpp
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT dev)
if(SEAWALL_CAPI)
  list(APPEND parts c)
  install(TARGETS seawall_c EXPORT seawall_c
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime NAMELINK_COMPONENT dev
    FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT dev)
endif()
if(TARGET seawall_redis_c)
  list(APPEND parts redis_c)
  install(TARGETS seawall_redis_c EXPORT seawall_redis_c
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime NAMELINK_COMPONENT dev
    FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT dev)
endif()
foreach(part IN ITEMS dns redis)
  if(TARGET seawall_${part})
    list(APPEND parts ${part})
    install(TARGETS seawall_${part} EXPORT seawall_${part}
      ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT dev
      FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT dev)
  endif()
endforeach()
foreach(part IN LISTS parts)
  install(EXPORT seawall_${part} NAMESPACE seawall:: FILE seawall-${part}.cmake DESTINATION ${package_dir} COMPONENT dev)
endforeach()

install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT runtime)

# Any 0.x may change the C++ API, so a request for 0.1 is not answered by 0.2.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/seawallConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_LIST_DIR}/seawallConfig.cmake ${PROJECT_BINARY_DIR}/seawallConfigVersion.cmake
  DESTINATION ${package_dir} COMPONENT dev)

# The prefix is told from where the .pc file lies, so that `cmake --install --prefix` and a moved tree work.
set(pc_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH pc_up /prefix/${pc_dir} /prefix)
set(pc_names seawall-cpp)
if(SEAWALL_CAPI)
  list(APPEND pc_names seawall)
endif()
if(TARGET seawall_redis_c)
  list(APPEND pc_names seawall-redis)
endif()
if(TARGET seawall_redis)
  list(APPEND pc_names seawall-redis-cpp)
endif()
if(TARGET seawall_dns)
  list(APPEND pc_names seawall-dns)
endif()
foreach(name IN LISTS pc_names)
  configure_file(${CMAKE_CURRENT_LIST_DIR}/${name}.pc.in ${PROJECT_BINARY_DIR}/${name}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/${name}.pc DESTINATION ${pc_dir} COMPONENT dev)
endforeach()
