// Finds the type support of a message inside the extension that this header is compiled into.
//
// The generated dispatch code asks rosidl_typesupport_c for a type support by name, which opens a shared
// library lib<package>__<type support>.so. A pip build puts all type supports of a package into one extension
// module, so there is no such library; the symbols are in the very object that holds the table of their names.
#pragma once

#include <dlfcn.h>

#include <cstddef>
#include <cstring>

#include "rosidl_runtime_c/message_type_support_struct.h"
#include "rosidl_runtime_c/service_type_support_struct.h"
#include "rosidl_typesupport_c/message_type_support_dispatch.h"
#include "rosidl_typesupport_c/service_type_support_dispatch.h"
#include "rosidl_typesupport_c/type_support_map.h"

template<typename Handle>
static const Handle * find_in_this_object(const Handle * handle, const char * identifier)
{
  if (std::strcmp(handle->typesupport_identifier, identifier) == 0) {
    return handle;
  }
  const auto * table = static_cast<const type_support_map_t *>(handle->data);
  Dl_info self;
  if (dladdr(table, &self) == 0) {
    return nullptr;
  }
  for (std::size_t i = 0; i < table->size; ++i) {
    if (std::strcmp(table->typesupport_identifier[i], identifier) != 0) {
      continue;
    }
    void * object = dlopen(self.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
    if (object == nullptr) {
      return nullptr;
    }
    void * getter = dlsym(object, table->symbol_name[i]);
    dlclose(object);  // RTLD_NOLOAD took one more reference to an object that stays loaded
    return getter ? reinterpret_cast<const Handle * (*)()>(getter)() : nullptr;
  }
  return nullptr;
}

#define rosidl_typesupport_c__get_message_typesupport_handle_function \
  find_in_this_object<rosidl_message_type_support_t>
#define rosidl_typesupport_c__get_service_typesupport_handle_function \
  find_in_this_object<rosidl_service_type_support_t>
