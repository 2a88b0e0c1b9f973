"""Reconstruction: aligned fakes of reals, by autoencoders and by diffusion at low strength."""
