/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   what a fuzzer has found stays found, in every build and with every compiler.
 * Method: a main() without libFuzzer that runs a target once on every file of the folders given, on
 *         every beginning of the short ones, and says how many there were. No file is a failure. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    FILE_MAX = 4 << 20,
    SHORT_MAX = 2048, /* of these, every beginning is tried as well */
};

/* The target gets a block of exactly its size, so that a sanitizer sees a read beyond it. */
static void run(const uint8_t *data, size_t size)
{
    uint8_t *exact = malloc(size > 0 ? size : 1);
    if (exact == NULL)
        abort();
    memcpy(exact, data, size);
    (void)LLVMFuzzerTestOneInput(exact, size); /* it has no other answer than 0 */
    free(exact);
}

static void replay_file(const char *file, uint8_t *room)
{
    FILE *in = fopen(file, "rb");
    if (in == NULL) {
        perror(file);
        exit(1);
    }
    size_t size = fread(room, 1, FILE_MAX, in);
    fclose(in);
    run(room, size);
    for (size_t n = 0; size <= SHORT_MAX && n < size; n++)
        run(room, n);
}

static size_t replay_folder(const char *folder, uint8_t *room)
{
    DIR *dir = opendir(folder);
    if (dir == NULL) {
        perror(folder);
        exit(1);
    }
    size_t files = 0;
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (entry->d_name[0] == '.')
            continue;
        char file[4096];
        snprintf(file, sizeof file, "%s/%s", folder, entry->d_name);
        replay_file(file, room);
        files++;
    }
    closedir(dir);
    return files;
}

int main(int argc, char **argv)
{
    uint8_t *room = malloc(FILE_MAX);
    if (room == NULL)
        return 1;
    size_t files = 0;
    for (int i = 1; i < argc; i++)
        files += replay_folder(argv[i], room);
    free(room);
    printf("%zu files replayed\n", files);
    return files > 0 ? 0 : 1;
}
