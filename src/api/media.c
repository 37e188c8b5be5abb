#include "api/media.h"

const char *media_of_name(struct str name)
{
    static const char *const types[][2] = {
        {".html", "text/html; charset=utf-8"},      {".js", "text/javascript; charset=utf-8"}, {".mjs", "text/javascript; charset=utf-8"},
        {".cjs", "text/javascript; charset=utf-8"}, {".css", "text/css; charset=utf-8"},       {".json", "application/json"},
        {".svg", "image/svg+xml"},                  {".png", "image/png"},                     {".jpg", "image/jpeg"},
        {".gif", "image/gif"},                      {".ico", "image/x-icon"},                  {".woff", "font/woff"},
        {".woff2", "font/woff2"},                   {".ttf", "font/ttf"},                      {".eot", "application/vnd.ms-fontobject"},
        {".wasm", "application/wasm"},              {".txt", "text/plain; charset=utf-8"},     {".map", "application/json"},
    };
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (str_ends(name, str_from(types[i][0])))
            return types[i][1];
    return "application/octet-stream";
}
