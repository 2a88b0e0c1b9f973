"""GenImage: its generators' folders and archives. Sources: GenImage's README and users' trees (Zhu et al. 2023)."""

#: Generator to the folder that holds its images and its slice of ImageNet.
FOLDERS = {
    "midjourney": "Midjourney",
    "sd14": "stable_diffusion_v_1_4",
    "sd15": "stable_diffusion_v_1_5",
    "adm": "ADM",
    "glide": "glide",
    "wukong": "wukong",
    "vqdm": "VQDM",
    "biggan": "BigGAN",
}

#: Generator to the name of its archive, which is also a folder between FOLDERS and the splits once it is unpacked.
ARCHIVES = {
    "midjourney": "imagenet_midjourney",
    "sd14": "imagenet_ai_0419_sdv4",
    "sd15": "imagenet_ai_0424_sdv5",
    "adm": "imagenet_ai_0508_adm",
    "glide": "imagenet_glide",
    "wukong": "imagenet_ai_0424_wukong",
    "vqdm": "imagenet_ai_0419_vqdm",
    "biggan": "imagenet_ai_0419_biggan",
}
